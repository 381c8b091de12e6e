"""The views of a run: rows of figures, all drawn from a snapshot and one chosen epoch.

A new figure is an entry in `FIGURES`; a new view is an entry in `VIEWS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app import figures
from app.components import live_plot
from app.figures import outer_loop
from app.figures.drawing import MAX_CLASSES_SHOWN, QUESTIONS, Drawing, Kind, empty
from bikd_core.data.facts import facts_of
from bikd_core.events import EpochDone, RunStarted
from bikd_core.runs import CorruptRunError, Snapshot, StoreError


@dataclass(frozen=True)
class Moment:
    """A run at one of its epochs."""

    snapshot: Snapshot
    started: RunStarted
    epoch: EpochDone
    by_class: bool  # else by group: for runs with many classes

    @property
    def planned(self) -> int:
        return self.snapshot.config.training.epochs


@st.cache_resource(max_entries=200, show_spinner=False)
def _histograms(
    run_id: str, version: int, epoch: int, *, _snapshot: Snapshot
) -> NDArray[np.int32] | None:
    """[2, C, 64] training images by weight; None where the epoch has none.

    Raises:
        CorruptRunError, StoreError: The epoch's frame is damaged or gone.
    """
    return _snapshot.folder.frame(epoch).histograms


def _accuracy(moment: Moment) -> Drawing:
    snapshot = moment.snapshot
    return figures.accuracy_over_epochs(
        snapshot.epochs, snapshot.controls, moment.epoch.epoch, moment.planned
    )


def _class_accuracy(moment: Moment) -> Drawing:
    return figures.class_accuracy(moment.epoch, moment.started)


def _distribution(moment: Moment, kind: Kind) -> Drawing:
    question = QUESTIONS[f"w_{kind}"]
    if moment.epoch.w_hard_per_class is None:
        return empty(question, _no_weights(moment.snapshot))
    try:
        histograms = _histograms(
            moment.snapshot.run_id,
            moment.snapshot.version,
            moment.epoch.epoch,
            _snapshot=moment.snapshot,
        )
    except (CorruptRunError, StoreError) as error:
        return empty(question, str(error))
    if histograms is None:
        return empty(question, "This run kept no weight histograms for this epoch.")
    return figures.weight_distribution(
        histograms, moment.epoch, moment.started, kind, by_class=moment.by_class
    )


def _mean_weights(moment: Moment) -> Drawing:
    if moment.epoch.w_hard_per_class is None:
        return empty(QUESTIONS["mean_weights"], _no_weights(moment.snapshot))
    return figures.mean_weights(
        moment.snapshot.epochs, moment.started, moment.epoch.epoch, moment.planned
    )


def _outer_losses(moment: Moment) -> Drawing:
    snapshot = moment.snapshot
    return figures.outer_losses(
        snapshot.epochs, snapshot.controls, moment.epoch.epoch, moment.planned
    )


def _of_weight_net(
    name: str, draw: Callable[[Sequence[EpochDone], int, int], Drawing], moment: Moment
) -> Drawing:
    """A figure over the epochs that only a method with a weight net has."""
    if moment.epoch.w_hard_per_class is None:
        return empty(QUESTIONS[name], _no_weights(moment.snapshot), outer_loop.HEIGHT)
    return draw(moment.snapshot.epochs, moment.epoch.epoch, moment.planned)


def _no_weights(snapshot: Snapshot) -> str:
    method = snapshot.config.method.method.upper()
    return (
        f"{method} has no weight net, so there are no weights: start a run with BiKD to see them."
    )


FIGURES: dict[str, Callable[[Moment], Drawing]] = {
    "accuracy": _accuracy,
    "class_accuracy": _class_accuracy,
    "w_hard": lambda moment: _distribution(moment, "hard"),
    "w_soft": lambda moment: _distribution(moment, "soft"),
    "mean_weights": _mean_weights,
    "outer_losses": _outer_losses,
    "hypergradient_norm": partial(_of_weight_net, "hypergradient_norm", figures.hypergradient_norm),
    "hypergradient_cosine": partial(
        _of_weight_net, "hypergradient_cosine", figures.hypergradient_cosine
    ),
    "saturated_share": partial(_of_weight_net, "saturated_share", figures.saturated_share),
}
VIEWS: dict[str, tuple[tuple[str, ...], ...]] = {
    "Overview": (("w_hard", "w_soft"), ("accuracy", "mean_weights"), ("class_accuracy",)),
    "Weights": (("w_hard", "w_soft"), ("mean_weights",)),
    "Accuracy": (("accuracy", "class_accuracy"),),
    "Outer loop": (
        ("outer_losses", "hypergradient_norm"),
        ("hypergradient_cosine", "saturated_share"),
    ),
}
FIRST_VIEW = next(iter(VIEWS))


def show(view: str, snapshot: Snapshot, chosen: int, *, by_class: bool) -> None:
    """Draw a view at an epoch; before the first one, the places where its figures will be."""
    for row in VIEWS[view]:
        for name, column in zip(row, st.columns(len(row), gap="medium"), strict=True):
            with column:
                drawing = _drawn(
                    snapshot.run_id, snapshot.version, chosen, name, by_class, _snapshot=snapshot
                )
                live_plot(drawing, key=f"figure_{name}", keep_zoom_of=snapshot.run_id)


@st.cache_resource(max_entries=500, show_spinner=False)
def _drawn(
    run_id: str, version: int, chosen: int, name: str, by_class: bool, *, _snapshot: Snapshot
) -> Drawing:
    """One figure, made once for all browsers that look at the same thing."""
    if _snapshot.resolved is None or not 1 <= chosen <= len(_snapshot.epochs):
        return empty(QUESTIONS[name], _not_yet(_snapshot))
    epoch = _snapshot.epochs[chosen - 1]
    return FIGURES[name](Moment(_snapshot, _snapshot.resolved, epoch, by_class))


def _not_yet(snapshot: Snapshot) -> str:
    if snapshot.has_ended:
        return "This run ended before its first epoch was done."
    return "Here from the first epoch on."


def has_many_classes(dataset: str) -> bool:
    """Too many for one ridge each."""
    return facts_of(dataset).num_classes > MAX_CLASSES_SHOWN
