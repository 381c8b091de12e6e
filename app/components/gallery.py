"""Pictures as buttons: a gallery of them, or one of them large."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

import streamlit as st

from app.components.report import ignore, reported

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "bikd_gallery",
    css=(_HERE / "gallery.css").read_text(encoding="utf-8"),
    js=(_HERE / "gallery.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


class Picture(TypedDict):
    """One picture; text all through."""

    id: int  # its original index
    image: str  # a data URI; "" where there is none on this machine
    alt: str  # "digit 9, w_hard 0.88"
    name: str  # its class
    value: str  # what the gallery is ordered by
    group: str  # many, medium or few
    colour: str  # of the group


class Gallery(NamedTuple):
    """What is shown; without pictures it takes the same place, and the sentence says why."""

    title: str  # the question it answers; "" for none
    sentence: str
    sections: Sequence[tuple[str, Sequence[Picture]]]  # a title and its pictures
    places: int  # pictures that there is room for, whether they are there or not
    columns: int


def gallery(
    shown: Gallery, *, key: str, selected: int | None, on_pick: Callable[[int], None]
) -> None:
    """Draw pictures; a click or Enter on one calls `on_pick` with its id.

    Args:
        shown: What to draw.
        key: Of the element; the same from draw to draw.
        selected: The picture that is looked at.
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
