"""One training picture: large, in words, and over all epochs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import streamlit as st

from app import figures
from app.components import live_plot, portrait
from app.figures.drawing import QUESTIONS, Drawing, empty
from app.figures.picture import PICTURE_HEIGHT
from app.lab import pictures
from app.lab.pictures import History
from app.lab.pictures_view.moment import NO_BELIEFS, WIDTHS, Moment, moment_of, pictures_of
from bikd_core.data.sources import facts_of
from bikd_core.runs import CorruptRunError, Snapshot, StoreError

_VALUES = {
    "w_hard": "w_hard",
    "w_soft": "w_soft",
    "ce_student": "student's loss",
    "ce_teacher": "teacher's loss",
}


_WHOSE: tuple[Literal["student", "teacher"], ...] = ("student", "teacher")


class _Drawings(NamedTuple):
    weights: Drawing
    losses: Drawing
    influence: Drawing


def show(snapshot: Snapshot, chosen: int, index: int, beside: Any) -> None:
    """The picture, its words and its weights `beside` the gallery; losses and influence below."""
    moment = moment_of(snapshot, chosen)
    if isinstance(moment, str):
        beside.info(moment)
        return
    row = _row_of(moment, index)
    if row is None:
        beside.info(f"Picture {index} is not among this run's training pictures.")
        return
    drawings = _drawings(
        snapshot.run_id, snapshot.version, chosen, row, _snapshot=snapshot, _moment=moment
    )
    draw = partial(live_plot, keep_zoom_of=f"{snapshot.run_id} {index}")
    with beside:
        [picture], _ = pictures_of(moment, [row], "loss", is_exact=True)
        portrait(picture, _lines(moment, row), key="portrait")
        draw(drawings.weights, key="figure_picture_weights")
    left, right = st.columns(WIDTHS, gap="medium")
    with left:
        draw(drawings.losses, key="figure_picture_losses")
    with right:
        draw(drawings.influence, key="figure_picture_influence")


def show_words(snapshot: Snapshot, chosen: int, index: int, side: str) -> None:
    """The picture and its words alone, as one of two runs has them."""
    moment = moment_of(snapshot, chosen)
    row = None if isinstance(moment, str) else _row_of(moment, index)
    if isinstance(moment, str) or row is None:
        st.info(f"Picture {index} is not among this run's training pictures.")
        return
    [picture], _ = pictures_of(moment, [row], "loss", is_exact=True)
    portrait(picture, _lines(moment, row), key=f"portrait_{side}")


def _row_of(moment: Moment, index: int) -> int | None:
    found = np.flatnonzero(moment.panel.original_indices == index)
    return int(found[0]) if len(found) else None


def _lines(moment: Moment, row: int) -> list[str]:
    """Heading and lines beside a picture: what it is, and what it has at this epoch."""
    name = pictures.in_words(moment.name_of(row))
    count = moment.started.class_counts[int(moment.panel.labels[row])]
    now = dict(zip(pictures.COLUMNS, moment.values[row].tolist(), strict=True))
    words = [
        f"{word} {now[column]:.2f}" for column, word in _VALUES.items() if not np.isnan(now[column])
    ]
    title = facts_of(moment.snapshot.config.data.dataset).title
    return [
        f"{name[0].upper()}{name[1:]}, one of {count:,} training pictures",
        f"No. {moment.panel.original_indices[row]} of {title}",
        f"Epoch {moment.epoch}: {' · '.join(words)}",
        *_beliefs(moment, row),
    ]


def _beliefs(moment: Moment, row: int) -> list[str]:
    """What student and teacher take it for, the most probable class first; the right one marked."""
    if not moment.has_beliefs:
        return [NO_BELIEFS]
    lines = []
    for whose in _WHOSE:
        found = moment.beliefs(row, whose)
        label = int(moment.panel.labels[row])
        said = [
            f"{moment.started.class_names[seen]} {100 * share:.0f} %{' ✓' if seen == label else ''}"
            for seen, share in found
        ]
        if said:
            lines.append(f"{whose.capitalize()} believes: {' · '.join(said)}")
    return lines


@st.cache_resource(max_entries=200, show_spinner=False)
def _drawings(
    run_id: str, version: int, chosen: int, row: int, *, _snapshot: Snapshot, _moment: Moment
) -> _Drawings:
    """Weights, losses and influence of one picture, made once for all browsers that look at it."""
    try:
        history = pictures.history(_snapshot, row)
    except (CorruptRunError, StoreError) as error:
        return _Drawings(*(_empty(name, str(error)) for name in _Drawings._fields))
    what = f"this {pictures.in_words(_moment.name_of(row))}"
    return _drawn(history, what, chosen, _snapshot.config.training.epochs)


def _drawn(history: History, what: str, chosen: int, planned: int) -> _Drawings:
    where = (what, history.every, chosen, planned)
    lines = {name: history.line(name) for name in pictures.COLUMNS}

    def pair(
        draw: Callable[..., Drawing], name: str, hard: list[float] | None, soft: list[float] | None
    ) -> Drawing:
        if hard is None or soft is None:
            return _empty(name, "This method has no weight net: start a run with BiKD to see it.")
        return draw(hard, soft, *where)

    student = lines["ce_student"]
    assert student is not None  # every method has it
    return _Drawings(
        pair(figures.picture_weights, "weights", lines["w_hard"], lines["w_soft"]),
        figures.picture_losses(student, lines["ce_teacher"], *where),
        pair(
            figures.picture_influence,
            "influence",
            lines["influence_hard"],
            lines["influence_soft"],
        ),
    )


def _empty(name: str, why: str) -> Drawing:
    return empty(QUESTIONS[f"picture_{name}"], why, PICTURE_HEIGHT)
