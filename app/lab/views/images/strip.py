"""The pictures of what was clicked on in a figure, in a drawer beside the click."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from app.components import Gallery, drawer, gallery
from app.lab.views.images.contents import Order, gallery_at, order_in_words, part_shown
from app.lab.views.images.selection import Selection, clear_selection, selected_in
from app.lab.views.moment import Moment
from app.shared.markdown import plain
from app.shared.session import session

PICTURES = "Pictures"  # the view that a click on a picture opens
STRIP, _COLUMNS = 12, 6  # pictures


def show_strip(moment: Moment, view: str) -> None:
    """Draw the pictures of what was clicked on in the figures of a view."""
    if session().view not in ("", view):
        st.rerun()  # a picture was clicked on: another view opens, with all of its controls
    if not moment.snapshot.epochs:
        return
    st.caption("Click on a class, a bar, a bin or a point to see its pictures.")
    selected = selected_in(moment.snapshot.run_id)
    with drawer(
        "strip_drawer",
        holds=f"{selected.figure}: {selected.selection.title}" if selected else "",
        label="Pictures of what was clicked on",
        on_close=clear_selection,
    ):
        if selected is not None:
            _show(moment, selected.selection)


def _show(moment: Moment, selection: Selection) -> None:
    """Draw the first pictures of a selection, and the way to all of them."""
    order: Order = (selection.kind or "hard") if moment.has_weights else "loss"
    whole = gallery_at(moment, order, selection)
    open_pictures = partial(_open_pictures, moment.snapshot.run_id)
    ids = [picture["id"] for _, items in whole.sections for picture in items]
    _head(selection, partial(open_pictures, ids[0] if selection.row is not None and ids else None))
    first = [
        (_title(title, order, len(items), selection), items[:STRIP])
        for title, items in whole.sections[:1]
    ]
    gallery(
        Gallery("", whole.sentence, first, STRIP, _COLUMNS),
        key="strip",
        selected=None,
        on_pick=open_pictures,
    )


def _title(title: str, order: Order, count: int, selection: Selection) -> str:
    """Return the title of the strip, which shows the first ones of a section's pictures."""
    if count <= STRIP:
        return title
    if selection.is_doubted:
        return f"The {STRIP} most doubted"
    return f"Highest {order_in_words(order)}{part_shown(STRIP, count)}"


def _head(selection: Selection, open_pictures: Callable[[], None]) -> None:
    """Draw what is selected, and the way to all of its pictures."""
    st.markdown(f"**Which pictures are these?** {plain(selection.title)}")
    st.button(
        "Open in Pictures",
        key="open_pictures",
        icon=":material/photo_library:",
        on_click=open_pictures,
    )


def _open_pictures(run_id: str, picture: int | None) -> None:
    """Open the view of a run's pictures, with one of them large if one is given."""
    session().view = PICTURES
    if picture is None:
        return
    session().picture = picture
    selected = selected_in(run_id)
    if selected is not None and selected.selection.row is not None:
        clear_selection()  # the gallery beside the large picture need not hold it alone
