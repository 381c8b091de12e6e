"""The view "Weights": who gets how much weight, now and over time."""

from __future__ import annotations

from functools import partial

import streamlit as st
from pydantic import Field

from app import figures
from app.components.run_sound import run_sound, sound_of
from app.figures import over_time
from app.figures.drawing import Drawing, Kind, empty
from app.figures.over_time import OVER_TIME_QUESTION
from app.figures.weights import MEAN_WEIGHTS_QUESTION, WEIGHT_QUESTIONS
from app.lab.views.images import selection
from app.lab.views.images.selection import Point, Selection
from app.lab.views.moment import Moment, why_no_weights
from app.lab.views.view import Figure, View, show_value
from app.lab.views.weight_history import weight_counts
from app.shared import status
from app.shared.link import Link
from bikd_core.evaluation import head_to_tail, shot_groups
from bikd_core.runs import Snapshot, StoreError

_GROUPS = ("few", "medium", "many")
_KEY = "over_time_of"


class WeightsLink(Link):
    """The view's part of the address."""

    over: str = Field(
        "few",
        alias="classes",
        pattern=r"^(few|medium|many|[0-9]{1,9})$",
        description="few, medium, many or the number of a class",
    )


def _distribution(moment: Moment, kind: Kind) -> Drawing:
    question = WEIGHT_QUESTIONS[kind]
    if moment.constants:
        name = status.method_of(moment.snapshot)
        return figures.constant_weight(
            moment.constants, moment.epoch, moment.started, kind, name, by_class=moment.by_class
        )
    if not moment.has_weights_of(kind):
        return empty(question, why_no_weights(moment.snapshot, kind))
    try:
        frame = moment.snapshot.folder.frame(moment.chosen)
        is_noisy = moment.snapshot.config.data.label_noise > 0
        panel = moment.snapshot.folder.panel() if is_noisy else None
    except StoreError as error:
        return empty(question, str(error))
    if frame.histograms is None:
        return empty(question, "This run kept no weight histograms for this epoch.")
    return figures.weight_distribution(
        frame.histograms,
        moment.epoch,
        moment.started,
        kind,
        by_class=moment.by_class,
        scale=moment.scale,
        panel=panel,
        weights=frame.weights,
    )


def _select_bin(moment: Moment, point: Point, kind: Kind) -> Selection | None:
    found = selection.from_weights(
        point, moment.started, kind, by_class=moment.by_class, scale=moment.scale
    )
    if found is not None and moment.constants:  # the images have no weights to choose them by
        return Selection(found.words, found.labels)
    return found


def _mean_weights(moment: Moment) -> Drawing:
    if moment.constants:
        name = status.method_of(moment.snapshot)
        place = (moment.snapshot.epochs, moment.started, moment.chosen, moment.planned)
        return figures.constant_means(moment.constants, *place, name)
    if not moment.has_weights:
        return empty(MEAN_WEIGHTS_QUESTION, why_no_weights(moment.snapshot))
    return figures.mean_weights(
        moment.snapshot.epochs, moment.started, moment.chosen, moment.planned, moment.scale
    )


def _over_time(moment: Moment) -> Drawing:
    """Draw the histograms of all epochs so far, of the classes that the viewer chose."""
    if not moment.has_weights:
        return empty(OVER_TIME_QUESTION, why_no_weights(moment.snapshot), over_time.HEIGHT)
    over = _over(moment)
    groups = shot_groups(moment.started.class_counts)._asdict()
    if over in groups:
        labels, words = groups[over], f"{over}-class"
    else:
        labels, words = (int(over),), f"class {moment.started.class_names[int(over)]}"
    counts = weight_counts(moment.snapshot, labels)[:, : len(moment.kinds)]
    return figures.weights_over_time(counts, words, moment.chosen, moment.planned, moment.scale)


def _select_over_time(moment: Moment, point: Point) -> Selection | None:
    done = len(moment.snapshot.epochs)
    return selection.from_weights_over_time(
        point, moment.started, _over(moment), done, moment.scale
    )


def _over(moment: Moment) -> str:
    """Return whose weights are drawn over time; of two runs, the second may lack that class."""
    over = moment.choices(WeightsLink).over
    return over if _has(moment.snapshot, over) else "few"


def _has(snapshot: Snapshot, over: str) -> bool:
    return over in _GROUPS or int(over) < snapshot.num_classes


W_HARD, W_SOFT = (
    Figure(
        f"w_{kind}",
        WEIGHT_QUESTIONS[kind],
        partial(_distribution, kind=kind),
        partial(_select_bin, kind=kind),
    )
    for kind in ("hard", "soft")
)
MEAN_WEIGHTS = Figure(
    "mean_weights",
    MEAN_WEIGHTS_QUESTION,
    _mean_weights,
    lambda moment, point: selection.from_line(point, moment.started),
)
OVER_TIME = Figure(
    "over_time",
    OVER_TIME_QUESTION,
    _over_time,
    _select_over_time,
    is_worth_drawing=lambda moment: not moment.constants,  # constants have no history
)


class _Weights(View):
    def show(self, moment: Moment) -> None:
        super().show(moment)
        if _can_be_heard(moment):
            run_sound(sound_of(moment.snapshot.epochs, moment.started), key="run_sound")

    def widgets(self, snapshot: Snapshot) -> None:
        words = _classes(snapshot)
        over = self.choices(WeightsLink).over
        show_value(_KEY, over if over in words else "few")
        st.selectbox(
            "Over time",
            list(words),
            format_func=words.__getitem__,
            key=_KEY,
            width=200,  # with the choice of groups or classes, the row just fits at 1280
            label_visibility="collapsed",
            persist_state="session",
            on_change=lambda: self.choose(WeightsLink(over=st.session_state[_KEY])),
        )

    def fit(self, snapshot: Snapshot) -> str:
        over = self.choices(WeightsLink).over
        if _has(snapshot, over):
            return ""
        self.choose(WeightsLink())
        last = snapshot.num_classes - 1
        return f"over = {over!r} is not possible: the run has the classes 0 to {last}. few is used."


def _can_be_heard(moment: Moment) -> bool:
    """Whether a run has ended whose weights are two voices, each from 0 to 1."""
    if not (moment.has_weights and moment.has_begun and moment.snapshot.has_ended):
        return False
    return moment.scale == "sigmoid" and bool(shot_groups(moment.started.class_counts).few)


def _classes(snapshot: Snapshot) -> dict[str, str]:
    """Return whose weights can be drawn over time, in words: groups, and classes by their label."""
    words = {group: f"over time: {group} classes" for group in _GROUPS}
    if (run := snapshot.resolved) is not None:
        for label in head_to_tail(run.class_counts):
            counted = f"{run.class_names[label]} ({run.class_counts[label]:,})"
            words[str(label)] = f"over time: class {counted}"
    return words


VIEW = _Weights(
    "Weights",
    "Who gets how much weight, and since when?",
    ((W_HARD, W_SOFT), (OVER_TIME,), (MEAN_WEIGHTS,)),
    WeightsLink,
)
