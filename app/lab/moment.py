"""What a figure is drawn from: a run at one of its epochs, and how the viewer wants it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import streamlit as st

from app.figures.drawing import Kind
from app.figures.surface import Axes
from app.shared import status
from bikd_core.config import METHOD_FACTS
from bikd_core.events import EpochDone, Frame, Panel, RunStarted
from bikd_core.runs import Snapshot


class Choices(NamedTuple):
    """What the viewer chose of how figures are drawn; the same for all figures of a page."""

    by_class: bool = True  # else by group: for runs with many classes
    axes: Axes = "log"  # of the response surfaces
    over_time_of: str = "few"  # whose weights are drawn over time: a group, or a class's label


@dataclass(frozen=True)
class Moment:
    """A run at one of its epochs."""

    snapshot: Snapshot
    started: RunStarted
    epoch: EpochDone
    choices: Choices

    @property
    def planned(self) -> int:
        return self.snapshot.config.training.epochs

    @property
    def has_weights(self) -> bool:
        """The method has a weight net."""
        return self.epoch.w_hard_per_class is not None

    def has_weights_of(self, kind: Kind) -> bool:
        """The method weighs that loss."""
        means = self.epoch.w_hard_per_class if kind == "hard" else self.epoch.w_soft_per_class
        return means is not None

    def frame(self) -> Frame:
        """The epoch's arrays; raises as `frame_of`."""
        return frame_of(self.snapshot, self.epoch.epoch)

    def panel(self) -> Panel:
        """Which images the frame's rows are; raises as `frame`."""
        return _panel(self.snapshot.run_id, self.snapshot.version, _snapshot=self.snapshot)


def no_weights(snapshot: Snapshot, kind: Kind = "hard") -> str:
    """Why figures of the weights are empty."""
    method = status.method_of(snapshot)
    if kind == "soft" and METHOD_FACTS[snapshot.config.method.method].has_weight_net:
        return f"{method} has no teacher, so there is no soft loss to weigh."
    return (
        f"{method} has no weight net, so there are no weights: start a run with BiKD to see them."
    )


def frame_of(snapshot: Snapshot, epoch: int) -> Frame:
    """The arrays of a run's epoch.

    Raises:
        StoreError: They are damaged (`CorruptRunError`) or gone.
    """
    return _frame(snapshot.run_id, snapshot.version, epoch, _snapshot=snapshot)


@st.cache_resource(max_entries=16, show_spinner=False)
def _frame(run_id: str, version: int, epoch: int, *, _snapshot: Snapshot) -> Frame:
    return _snapshot.folder.frame(epoch)  # read once for all figures and all viewers of it


@st.cache_resource(max_entries=16, show_spinner=False)
def _panel(run_id: str, version: int, *, _snapshot: Snapshot) -> Panel:
    return _snapshot.folder.panel()
