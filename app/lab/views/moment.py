"""What a view is drawn from: a run, the epoch looked at, and what the viewer chose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from app.figures.drawing import MAX_CLASSES_SHOWN, Kind
from app.shared import status
from app.shared.link import Link
from bikd_core.config import WeightScale
from bikd_core.events import EpochDone, RunStarted
from bikd_core.runs import Snapshot

LinkT = TypeVar("LinkT", bound=Link)


@dataclass(frozen=True)
class Moment:
    """A run at one of its epochs."""

    snapshot: Snapshot
    chosen: int  # the epoch looked at, from 1; 0 before the first one is done
    by_class: bool = True  # else by group: for runs with many classes
    link: Link | None = None  # what the viewer chose in the view, if it has choices

    @property
    def has_begun(self) -> bool:
        """Whether there is an epoch to look at; if not, `started` and `epoch` do not exist."""
        return self.snapshot.resolved is not None and 1 <= self.chosen <= len(self.snapshot.epochs)

    @property
    def why_nothing(self) -> str:
        """Why there is no epoch to look at."""
        if self.snapshot.has_ended:
            return "This run ended before its first epoch was done."
        return "Here from the first epoch on."

    @property
    def started(self) -> RunStarted:
        assert self.snapshot.resolved is not None
        return self.snapshot.resolved

    @property
    def epoch(self) -> EpochDone:
        return self.snapshot.epochs[self.chosen - 1]

    @property
    def planned(self) -> int:
        """Planned epochs of the run."""
        return self.snapshot.config.training.epochs

    @property
    def has_weights(self) -> bool:
        """Whether the method has a weight net; False until an epoch is done."""
        epochs = self.snapshot.epochs
        return bool(epochs) and epochs[0].w_hard_per_class is not None

    @property
    def constants(self) -> dict[Kind, float]:
        """The weights of a method that gives each picture the same ones; {} of all others."""
        values = self.snapshot.config.read_by_method()
        if self.has_weights or "kd_alpha" not in values or values.get("trust"):
            return {}
        return {"hard": values["kd_alpha"], "soft": 1 - values["kd_alpha"]}

    @property
    def scale(self) -> WeightScale:
        """The scale of the method's weights."""
        return status.scale_of(self.snapshot)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The losses that the method weighs; empty until an epoch is done."""
        if not self.has_weights:
            return ()
        return ("hard",) if self.snapshot.epochs[0].w_soft_per_class is None else ("hard", "soft")

    def has_weights_of(self, kind: Kind) -> bool:
        """Return whether the method weighs that loss."""
        means = self.epoch.w_hard_per_class if kind == "hard" else self.epoch.w_soft_per_class
        return means is not None

    def choices(self, kind: type[LinkT]) -> LinkT:
        """Return what the viewer chose, as the view's own type; the defaults in other views."""
        return self.link if isinstance(self.link, kind) else kind()


def why_no_weights(snapshot: Snapshot, kind: Kind = "hard") -> str:
    """Return why figures of the weights are empty."""
    method = status.method_of(snapshot)
    if snapshot.config.is_recorded_elsewhere:
        has_some = bool(snapshot.epochs) and snapshot.epochs[0].w_hard_per_class is not None
        if kind == "soft" and has_some:
            return (
                f"{method} weighs one loss: Recorder.batch(…, weights=…, losses=…) with two "
                "columns each records two."
            )
        return (
            f"The loop of {method} recorded no weights: Recorder.batch(…, weights=…) records them."
        )
    if kind == "soft" and snapshot.config.method.facts.has_weight_net:
        return f"{method} has no teacher, so there is no soft loss to weigh."
    return (
        f"{method} has no weight net, so there are no weights: start a run with BiKD to see them."
    )


def has_many_classes(snapshot: Snapshot) -> bool:
    """Return whether a run has too many classes for one row each."""
    return snapshot.num_classes > MAX_CLASSES_SHOWN


def unless_own_loop(snapshot: Snapshot, call: str, otherwise: str) -> str:
    """Return why a figure is empty: what a loop of somebody's own did not call, or another reason.

    Args:
        snapshot: The run.
        call: The call of `bikd_core.Recorder` that gives what is lacking.
        otherwise: Why a run that was trained here lacks it.
    """
    if not snapshot.config.is_recorded_elsewhere:
        return otherwise
    return f"The loop of this run did not record it: {call} does."
