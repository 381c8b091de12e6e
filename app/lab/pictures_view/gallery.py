"""The gallery of training pictures, what is selected of them, the strip under other figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from app.components import Gallery, gallery
from app.lab import pictures
from app.lab.moment import Choices
from app.lab.pictures import Order, Section, Selection
from app.lab.pictures_view import one_picture
from app.lab.pictures_view.moment import NO_BELIEFS, WIDTHS, Moment, moment_of, pictures_of
from app.shared import engine, status
from app.shared.session import session
from bikd_core.runs import Snapshot

_WITH_IMAGES = ("surface_hard", "surface_soft")  # figures with a point for each image
_WITH_LINES = ("accuracy", "mean_weights")  # figures with lines of thirds of the classes
#: Figures whose points select pictures.
CLICKABLE = (
    *("w_hard", "w_soft", "class_accuracy", "over_time", "confusion"),
    *_WITH_LINES,
    *_WITH_IMAGES,
)
STRIP = 12  # pictures under other views' figures
_COLUMNS = 6
_NAME = "Pictures"  # of the view


# What is selected --------------------------------------------------------------------------------


def select(figure: str, snapshot: Snapshot, made: Choices, point: Mapping[str, Any]) -> None:
    """Somebody clicked on a point of a figure that was drawn with these choices."""
    selection = _selected(figure, snapshot, made, point)
    if selection is not None:
        st.session_state["selection"] = (snapshot.run_id, figure, selection)


def _selected(
    figure: str, snapshot: Snapshot, made: Choices, point: Mapping[str, Any]
) -> Selection | None:
    started = snapshot.resolved
    if started is None:
        return None
    if figure in _WITH_IMAGES:
        panel = engine.attempt(snapshot.folder.panel)
        return None if panel is None else pictures.selection_of_image(point, started, panel)
    if figure in _WITH_LINES:
        return pictures.selection_of_line(point, started)
    if figure == "confusion":
        return pictures.selection_of_cell(point, started, by_class=made.by_class)
    if figure == "over_time":
        done = len(snapshot.epochs)
        return pictures.selection_over_time(point, started, made.over_time_of, done)
    return pictures.selection_of(figure, point, started, by_class=made.by_class)


def _selection(snapshot: Snapshot) -> Selection | None:
    """What is selected in this run."""
    run_id, _, selection = st.session_state.get("selection") or ("", "", None)
    return selection if run_id == snapshot.run_id else None


def _clear_selection() -> None:
    st.session_state["selection"] = None


def _look_at(picture: int | None) -> None:
    session().picture = picture


def _open_view(picture: int | None) -> None:
    st.session_state["view"] = _NAME
    if picture is None:
        return
    _look_at(picture)
    *_, selection = st.session_state.get("selection") or (None,)
    if selection is not None and selection.row is not None:
        _clear_selection()  # one picture is looked at; the gallery need not be of it alone


# The view ----------------------------------------------------------------------------------------


def show(snapshot: Snapshot, chosen: int, draw: Callable[[str], None]) -> None:
    """The gallery, and beside it the distribution of the weights or the picture looked at.

    Args:
        snapshot: The run.
        chosen: The epoch looked at; 0 before the first one.
        draw: Draws one of the run's figures by its name.
    """
    has_weights = bool(snapshot.epochs) and snapshot.epochs[0].w_hard_per_class is not None
    order = _controls(snapshot, has_weights)
    looked_at: int | None = session().picture
    left, right = st.columns(WIDTHS, gap="medium")
    with left:
        shown = _gallery(
            snapshot.run_id,
            snapshot.version,
            chosen,
            order,
            _selection(snapshot),
            _snapshot=snapshot,
        )
        gallery(shown, key="gallery", selected=looked_at, on_pick=_look_at)
    with right:
        if looked_at is None:
            draw("class_accuracy" if order == "loss" else f"w_{order}")
            return
    one_picture.show(snapshot, chosen, looked_at, right)


def show_pair(runs: tuple[Snapshot, Snapshot], chosen: tuple[int, int]) -> None:
    """The galleries of run A and run B, by the same order; the picture looked at, in both."""
    has_weights = any(run.epochs and run.epochs[0].w_hard_per_class is not None for run in runs)
    order = _controls(runs[0], has_weights)
    looked_at: int | None = session().picture
    columns = st.columns(2, gap="medium")
    for side, run, epoch, column in zip("AB", runs, chosen, columns, strict=True):
        is_weighed = bool(run.epochs) and run.epochs[0].w_hard_per_class is not None
        own: Order = order if is_weighed else "loss"
        shown = _gallery(run.run_id, run.version, epoch, own, None, _snapshot=run)
        with column:
            gallery(
                shown._replace(title=f"{side} · {shown.title}"),
                key=f"gallery_{side}",
                selected=looked_at,
                on_pick=_look_at,
            )
            if looked_at is not None:
                one_picture.show_words(run, epoch, looked_at, side)


def _controls(snapshot: Snapshot, has_weights: bool) -> Order:
    """What the gallery is ordered by, and what undoes a choice; always there."""
    selection = _selection(snapshot)
    with st.container(
        key="gallery_controls", horizontal=True, vertical_alignment="center", gap="small"
    ):
        order: Order = "loss"
        if has_weights:
            chosen = st.segmented_control(
                "Ordered by",
                ["hard", "soft"],
                format_func="by w_{}".format,
                key="gallery_by",
                required=True,
                label_visibility="collapsed",
                persist_state="session",
            )
            order = "soft" if chosen == "soft" else "hard"
        st.button(
            "Clear selection",
            key="clear_selection",
            icon=":material/filter_alt_off:",
            disabled=selection is None,
            on_click=_clear_selection,
        )
        st.button(
            "Close picture",
            key="close_picture",
            icon=":material/close:",
            disabled=session().picture is None,
            on_click=_look_at,
            args=(None,),
        )
        st.caption(
            selection.title if selection else "Click on a picture, or on a class or bin beside.",
            width="content",
        )
    return order


@st.cache_resource(max_entries=200, show_spinner=False)
def _gallery(
    run_id: str,
    version: int,
    chosen: int,
    order: Order,
    selection: Selection | None,
    *,
    _snapshot: Snapshot,
) -> Gallery:
    """The pictures of an epoch, made once for all browsers that look at the same ones."""
    title = "Which pictures are hard for the student?"
    if order != "loss":
        title = f"Which pictures get {order}-loss weight?"
    then = (selection.epoch if selection else None) or chosen
    moment = moment_of(_snapshot, then)
    if isinstance(moment, str):
        return Gallery(title, moment, [("", ())], pictures.SHOWN, _COLUMNS)
    labels = moment.panel.labels
    kept = np.ones(len(labels), dtype=np.bool_)
    if selection is not None and selection.taken_for is not None and not moment.has_beliefs:
        return Gallery(title, NO_BELIEFS, [("", ())], pictures.SHOWN, _COLUMNS)
    if selection is not None:
        kept = selection.keeps(labels, moment.values)
    parts = pictures.sections(moment.values, kept, order)
    made, complaint = pictures_of(moment, [row for part in parts for row in part.rows], order)
    filled = [(part.title, [made.pop(0) for _ in part.rows]) for part in parts]
    sentence = complaint or _read(moment, parts, order, selection, int(kept.sum()))
    return Gallery(title, sentence, filled, pictures.SHOWN, _COLUMNS)


def _read(
    moment: Moment,
    parts: tuple[Section, ...],
    order: Order,
    selection: Selection | None,
    count: int,
) -> str:
    """What the gallery says, in one sentence; a second one where the method has no weights."""
    labels, group_of = moment.panel.labels, moment.groups()
    if selection is not None and selection.row is not None:
        said = f"At epoch {moment.epoch}, one of {len(labels):,} training pictures."
    elif selection is not None:
        pictures_are = "picture is" if count == 1 else "pictures are"
        said = f"At epoch {moment.epoch}, {count:,} {pictures_are} of {selection.title}."
    else:
        few = [sum(group_of[int(labels[row])] == "few" for row in part.rows) for part in parts]
        each = len(parts[0].rows)
        lowest = f" and {few[1]} of the {each} lowest" if len(parts) > 1 else ""
        said = (
            f"At epoch {moment.epoch}, of {count:,} training pictures, {few[0]} of the {each} "
            f"highest{lowest} are of few-shot classes."
        )
    if order == "loss":
        method = status.method_of(moment.snapshot)
        return f"{said} {method} has no weights, so the student's loss orders them."
    return said


# Under other views' figures ----------------------------------------------------------------------


def row_of_strip(rows: Sequence[Sequence[str]]) -> int | None:
    """Below which row of figures the strip is: that of the one that was clicked on, if it is there.

    None for rows without a figure that can be clicked on.
    """
    _, clicked, _ = st.session_state.get("selection") or ("", "", None)
    possible = [row for row, names in enumerate(rows) if set(names) & set(CLICKABLE)]
    there = [row for row in possible if clicked in rows[row]]
    found = there or possible
    return found[0] if found else None


def strip(snapshot: Snapshot, chosen: int, view: str) -> None:
    """The pictures of what was clicked on in the figures above."""
    if st.session_state.get("view", view) != view:
        st.rerun()  # a picture was clicked on: the other view opens, with all of its controls
    if not snapshot.epochs:
        return
    selection = _selection(snapshot)
    if selection is None:
        st.caption("Click on a class, a bar, a bin or a point to see its pictures.")
        return
    has_weights = snapshot.epochs[0].w_hard_per_class is not None
    order: Order = (selection.kind or "hard") if has_weights else "loss"
    shown = _gallery(
        snapshot.run_id, snapshot.version, chosen, order, selection, _snapshot=snapshot
    )
    _strip_head(selection, shown)
    highest = f"Highest {pictures.in_short(order)}"
    first = [
        (title if len(items) <= STRIP else highest, items[:STRIP])
        for title, items in shown.sections[:1]
    ]
    gallery(
        Gallery("", shown.sentence, first, STRIP, STRIP),
        key="strip",
        selected=None,
        on_pick=_open_view,
    )


def _strip_head(selection: Selection, shown: Gallery) -> None:
    """What is selected, and what can be done with it."""
    ids = [picture["id"] for _, items in shown.sections for picture in items]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**Which pictures are these?** {selection.title}", width="content")
        st.button(
            "Clear selection",
            key="clear_strip",
            icon=":material/filter_alt_off:",
            on_click=_clear_selection,
        )
        st.button(
            "Open in Pictures",
            key="open_pictures",
            icon=":material/photo_library:",
            on_click=_open_view,
            args=(ids[0] if selection.row is not None and ids else None,),
        )
