"""The views of a run: rows of figures, all drawn from a snapshot and one chosen epoch.

A new figure is an entry in `FIGURES`; a new view is an entry in `VIEWS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from app import figures
from app.components import live_plot
from app.figures import outer_loop
from app.figures.drawing import MAX_CLASSES_SHOWN, QUESTIONS, Drawing, Kind, empty
from app.lab import choices, frame_figures, pictures_view, step_view
from app.lab.moment import Choices, Moment, no_weights
from bikd_core.data.sources import facts_of
from bikd_core.events import EpochDone
from bikd_core.runs import Snapshot, StoreError


def _accuracy(moment: Moment) -> Drawing:
    snapshot = moment.snapshot
    return figures.accuracy_over_epochs(
        snapshot.epochs, snapshot.controls, moment.epoch.epoch, moment.planned
    )


def _class_accuracy(moment: Moment) -> Drawing:
    return figures.class_accuracy(moment.epoch, moment.started)


def _distribution(moment: Moment, kind: Kind) -> Drawing:
    question = QUESTIONS[f"w_{kind}"]
    if not moment.has_weights_of(kind):
        return empty(question, no_weights(moment.snapshot, kind))
    try:
        histograms = moment.frame().histograms
    except StoreError as error:
        return empty(question, str(error))
    if histograms is None:
        return empty(question, "This run kept no weight histograms for this epoch.")
    return figures.weight_distribution(
        histograms, moment.epoch, moment.started, kind, by_class=moment.choices.by_class
    )


def _mean_weights(moment: Moment) -> Drawing:
    if not moment.has_weights:
        return empty(QUESTIONS["mean_weights"], no_weights(moment.snapshot))
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
    if not moment.has_weights:
        return empty(QUESTIONS[name], no_weights(moment.snapshot), outer_loop.HEIGHT)
    return draw(moment.snapshot.epochs, moment.epoch.epoch, moment.planned)


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
    "over_time": frame_figures.weights_over_time,
    "confusion": frame_figures.confusion,
    "surface_hard": lambda moment: frame_figures.response_surface(moment, "hard"),
    "surface_soft": lambda moment: frame_figures.response_surface(moment, "soft"),
}
VIEWS: dict[str, tuple[tuple[str, ...], ...]] = {
    "Overview": (("w_hard", "w_soft"), ("accuracy", "mean_weights"), ("class_accuracy",)),
    "Weights": (("w_hard", "w_soft"), ("over_time",), ("mean_weights",)),
    "Pictures": (),  # more than figures: app/pictures_view.py
    "Surface": (("surface_hard", "surface_soft"),),
    "Accuracy": (("accuracy", "class_accuracy"), ("confusion",)),
    "Outer loop": (
        ("outer_losses", "hypergradient_norm"),
        ("hypergradient_cosine", "saturated_share"),
    ),
    "One step": (),  # a walk through phases: app/step_view.py
}
FIRST_VIEW = next(iter(VIEWS))
Pair = tuple[Snapshot, Snapshot]


def show(view: str, snapshot: Snapshot, chosen: int, *, by_class: bool) -> None:
    """Draw a view at an epoch; before the first one, the places where its figures will be."""
    made = choices.chosen(snapshot, by_class=by_class)

    def draw(name: str) -> None:
        live_plot(
            _drawn(snapshot.run_id, snapshot.version, chosen, name, made, _snapshot=snapshot),
            key=f"figure_{name}",
            keep_zoom_of=snapshot.run_id,
            on_point=partial(pictures_view.select, name, snapshot, made)
            if name in pictures_view.CLICKABLE
            else None,
        )

    if view == "One step":
        step_view.show(snapshot, chosen)
        return
    if view == "Pictures":
        pictures_view.show(snapshot, chosen, draw)
        return
    row_of_strip = pictures_view.row_of_strip(VIEWS[view])
    for number, row in enumerate(VIEWS[view]):
        for name, column in zip(row, st.columns(len(row), gap="medium"), strict=True):
            with column:
                draw(name)
        with st.container():  # always there: what comes after it keeps its place
            if number == row_of_strip:
                pictures_view.strip(snapshot, chosen, view)


def show_pair(view: str, runs: Pair, chosen: tuple[int, int], *, by_class: bool) -> None:
    """Draw a view of run A and of run B side by side, each figure on the same axes."""
    names = [name for row in VIEWS[view] for name in row]
    if view == "Pictures":
        pictures_view.show_pair(runs, chosen)
    if view == "One step":  # each as wide as the page: its figures need that
        for side, run, epoch in zip("AB", runs, chosen, strict=True):
            st.markdown(f"##### {side} · {run.name}")
            step_view.show(run, epoch, side=side)
    for name in names:
        drawings = figures.on_same_axes(
            *(
                _drawn(
                    run.run_id,
                    run.version,
                    epoch,
                    name,
                    choices.chosen(run, by_class=by_class),
                    _snapshot=run,
                )
                for run, epoch in zip(runs, chosen, strict=True)
            )
        )
        columns = st.columns(2, gap="medium")
        for side, drawing, run, column in zip("AB", drawings, runs, columns, strict=True):
            with column:
                live_plot(
                    drawing._replace(title=f"{side} · {drawing.title}"),
                    key=f"figure_{name}_{side}",
                    keep_zoom_of=run.run_id,
                )
    if view == "Accuracy":
        drawing = frame_figures.confusion_difference(runs, chosen, by_class=by_class)
        zoom_of = " ".join(run.run_id for run in runs)
        live_plot(drawing, key="figure_confusion_difference", keep_zoom_of=zoom_of)


@st.cache_resource(max_entries=500, show_spinner=False)
def _drawn(
    run_id: str, version: int, chosen: int, name: str, made: Choices, *, _snapshot: Snapshot
) -> Drawing:
    """One figure, made once for all browsers that look at the same thing."""
    if _snapshot.resolved is None or not 1 <= chosen <= len(_snapshot.epochs):
        return empty(QUESTIONS[name], _not_yet(_snapshot))
    epoch = _snapshot.epochs[chosen - 1]
    return FIGURES[name](Moment(_snapshot, _snapshot.resolved, epoch, made))


def _not_yet(snapshot: Snapshot) -> str:
    if snapshot.has_ended:
        return "This run ended before its first epoch was done."
    return "Here from the first epoch on."


def has_many_classes(dataset: str) -> bool:
    """Too many for one ridge each."""
    return facts_of(dataset).num_classes > MAX_CLASSES_SHOWN
