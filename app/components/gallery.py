"""Pictures as buttons: a gallery, or a single large picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypedDict

import streamlit as st

from app.components.report import ignore, reported
from app.components.source import text_of

_mount = st.components.v2.component(
    "bikd_gallery",
    css=text_of("gallery.css"),
    js=text_of("gallery.js"),
    isolate_styles=False,
)


class Picture(TypedDict):
    """One picture and its words, as the browser needs them."""

    id: int  # its original index
    image: str  # a data URI; "" where there is none on this machine
    alt: str  # "digit 9, w_hard 0.88"
    name: str  # its class
    badge: str  # on top of it: "truly 3"; "" for none
    value: str  # what the gallery is ordered by
    group: str  # many, medium or few
    colour: str  # of the group


class Gallery(NamedTuple):
    """A gallery. Without pictures it takes the same space, and its sentence says why."""

    title: str  # the question it answers; "" for none
    sentence: str
    sections: Sequence[tuple[str, Sequence[Picture]]]  # a title and its pictures
    places: int  # pictures to leave room for, even if there are fewer
    columns: int


def gallery(
    shown: Gallery, *, key: str, selected: int | None, on_pick: Callable[[int], None]
) -> None:
    """Draw pictures; a click or Enter on one calls `on_pick` with its id.

    Args:
        shown: What to draw.
        key: The element's key, the same in every draw.
        selected: The id of the open picture.
        on_pick: Called before the script runs again.
    """
    _mount(
        key=key,
        data={**shown._asdict(), "selected": selected},
        on_picture_change=lambda: _pick(reported(key, "picture"), on_pick),
    )


def portrait(picture: Picture, lines: Sequence[str], *, key: str) -> None:
    """Draw one picture large, with some lines of text beside it: the first one is a heading."""
    _mount(
        key=key,
        data={"portrait": picture, "lines": list(lines)},
        on_picture_change=ignore,
    )


def _pick(value: object, on_pick: Callable[[int], None]) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**31:
        on_pick(int(value))
