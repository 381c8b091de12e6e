"""One training picture: large, in words, and over all epochs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import streamlit as st

from app import figures
from app.components import live_plot, portrait
from app.figures.drawing import Drawing, empty
from app.figures.picture import (
    PICTURE_HEIGHT,
    PICTURE_INFLUENCE_QUESTION,
    PICTURE_LOSSES_QUESTION,
    PICTURE_WEIGHTS_QUESTION,
)
from app.figures.weight_axis import weight_axis_of
from app.lab.views.images.contents import pictures_of, why_no_beliefs
from app.lab.views.images.selection import in_words
from app.lab.views.images.values import COLUMNS, KINDS, History, ImagesAt, history, images_at
from app.lab.views.moment import Moment, unless_own_loop
from app.shared.markdown import plain
from bikd_core.runs import StoreError

WIDTHS = (0.46, 0.54)  # of the two columns
_LOSSES = {"ce_student": "student's loss", "ce_teacher": "teacher's loss"}
_WHOSE: tuple[Literal["student", "teacher"], ...] = ("student", "teacher")


class _Drawings(NamedTuple):
    weights: Drawing
    losses: Drawing
    influence: Drawing


def show(moment: Moment, index: int, beside: Any) -> None:
    """Draw the picture, its words and one of its figures `beside` the gallery.

    Args:
        moment: The run and the epoch looked at.
        index: The picture's original index.
        beside: The column beside the gallery.
    """
    images = _images(moment)
    row = None if isinstance(images, str) else _row_of(images, index)
    if isinstance(images, str) or row is None:
        beside.info(images if isinstance(images, str) else _not_among(index))
        return
    snapshot = moment.snapshot
    drawings = _drawings(
        snapshot.run_id, snapshot.version, moment.chosen, row, _moment=moment, _images=images
    )
    draw = partial(live_plot, keep_zoom_of=f"{snapshot.run_id} {index}")
    with beside, st.container(gap="xsmall"):
        _portrait(moment, images, row, key="portrait")
        name = _choose_figure()
        draw(getattr(drawings, name), key=f"figure_picture_{name}")


def _choose_figure() -> str:
    """Draw the choice of the figure: all three would not fit beside the gallery."""
    chosen: str = st.segmented_control(
        "Over the epochs",
        _Drawings._fields,
        default=_Drawings._fields[0],
        key="figure_of_picture",
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    return chosen


def show_words(moment: Moment, index: int, side: str) -> None:
    """Draw the picture and its words alone, as one of two runs has them."""
    images = _images(moment)
    row = None if isinstance(images, str) else _row_of(images, index)
    st.markdown(f"**{side} · {plain(moment.snapshot.name)}**")
    if isinstance(images, str) or row is None:
        st.info(images if isinstance(images, str) else _not_among(index))
        return
    _portrait(moment, images, row, key=f"portrait_{side}")


def _images(moment: Moment) -> ImagesAt | str:
    """Return the run's images at the epoch looked at, or why there are none."""
    if not moment.has_begun:
        return moment.why_nothing
    try:
        return images_at(moment.snapshot, moment.chosen)
    except StoreError as error:
        return str(error)


def _not_among(index: int) -> str:
    return f"Picture {index} is not among this run's training pictures."


def _row_of(images: ImagesAt, index: int) -> int | None:
    found = np.flatnonzero(images.panel.original_indices == index)
    return int(found[0]) if len(found) else None


def _portrait(moment: Moment, images: ImagesAt, row: int, *, key: str) -> None:
    [picture], complaint = pictures_of(images, [row], "loss", is_exact=True)
    lines = _lines(moment, images, row)
    if complaint:  # a grey box would say less
        st.markdown("  \n".join([f"**{plain(lines[0])}**", *map(plain, lines[1:])]))
        st.caption(plain(complaint))
    else:
        portrait(picture, lines, key=key)


def _lines(moment: Moment, images: ImagesAt, row: int) -> list[str]:
    """Return the heading and the lines beside a picture: what it is, what it has at this epoch."""
    name, truth = in_words(images.name_of(row)), images.true_name_of(row)
    count = images.started.counts_as_labelled[int(images.panel.labels[row])]
    now = dict(zip(COLUMNS, images.values[row].tolist(), strict=True))
    axis = weight_axis_of(moment.scale)
    words = [f"w_{kind} {axis.word(now[f'w_{kind}'])}" for kind in moment.kinds]
    words += [f"{word} {now[name]:.2f}" for name, word in _LOSSES.items() if now[name] >= 0]
    title = images.snapshot.data_title
    pictures = "training pictures" if images.panel.is_wrong is None else "pictures labelled so"
    return [
        f"{name[0].upper()}{name[1:]}, one of {count:,} {pictures}",
        f"No. {images.panel.original_indices[row]} of {title}",
        *([f"A planted wrong label: truly {in_words(truth)}"] if truth else []),
        f"Epoch {images.epoch}: {' · '.join(words)}",
        *_in_the_objective(moment, now),
        *_beliefs(images, row),
    ]


def _in_the_objective(moment: Moment, now: Mapping[str, float]) -> list[str]:
    """Return what relative weights of a picture mean, in one line; none for other weights."""
    if moment.scale == "sigmoid":
        return []
    axis = weight_axis_of(moment.scale)
    counts = [axis.word(now[f"w_{kind}"]) for kind in moment.kinds]
    words = f"hard loss counts {counts[0]}"
    if len(counts) > 1:
        words += f" and its soft loss {counts[1]}"
    return [f"Its {words} as much as the objective gives it"]


def _beliefs(images: ImagesAt, row: int) -> list[str]:
    """Return what student and teacher take it for, most probable first; its label marked."""
    if not images.has_beliefs:
        return [why_no_beliefs(images.snapshot)]
    lines = []
    given, truth = images.name_of(row), images.true_name_of(row)
    marks = {given: " ✓"} if not truth else {given: " (its label)", truth: " (truly)"}
    names = images.started.class_names
    for whose in _WHOSE:
        words = [
            f"{names[label]} {100 * share:.0f} %{marks.get(names[label], '')}"
            for label, share in images.beliefs(row, whose)
        ]
        if words:
            lines.append(f"{whose.capitalize()} believes: {' · '.join(words)}")
    return lines


# Over the epochs ---------------------------------------------------------------------------------


@st.cache_resource(max_entries=200, show_spinner=False)
def _drawings(
    run_id: str, version: int, chosen: int, row: int, *, _moment: Moment, _images: ImagesAt
) -> _Drawings:
    """Return the figures of one picture, made once for all browsers that look at it."""
    try:
        found = history(_moment.snapshot, row)
    except StoreError as error:
        return _Drawings(
            *(
                empty(question, str(error), PICTURE_HEIGHT)
                for question in (
                    PICTURE_WEIGHTS_QUESTION,
                    PICTURE_LOSSES_QUESTION,
                    PICTURE_INFLUENCE_QUESTION,
                )
            )
        )
    what = f"this {in_words(_images.name_of(row))}"
    return _draw(found, what, _moment)


def _draw(found: History, what: str, moment: Moment) -> _Drawings:
    place = (what, found.every, moment.chosen, moment.planned)
    student = found.line("ce_student")
    hard, soft = (found.line(f"w_{kind}") if kind in moment.kinds else None for kind in KINDS)
    if hard is None:
        why = unless_own_loop(
            moment.snapshot,
            "Recorder.batch(…, weights=…)",
            "This method has no weight net: start a run with BiKD to see it.",
        )
        weights, influence = (
            empty(question, why, PICTURE_HEIGHT)
            for question in (PICTURE_WEIGHTS_QUESTION, PICTURE_INFLUENCE_QUESTION)
        )
    else:
        weights = figures.picture_weights(hard, soft, *place, moment.scale)
        influence = figures.picture_influence(
            found.gaps("influence_hard"),
            None if soft is None else found.gaps("influence_soft"),
            *place,
        )
        if found.line("influence_hard") is None and moment.snapshot.config.is_recorded_elsewhere:
            why = unless_own_loop(moment.snapshot, "Recorder.batch(…, influence=…)", "")
            influence = empty(PICTURE_INFLUENCE_QUESTION, why, PICTURE_HEIGHT)
    assert student is not None  # every method has it
    return _Drawings(
        weights,
        figures.picture_losses(student, found.line("ce_teacher"), *place),
        influence,
    )
