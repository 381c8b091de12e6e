"""The bar of presenter mode, and its keys, which are heard on the whole page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from app.components.report import reported
from app.components.source import text_of

Wish = Literal["toggle", "next", "previous"]
WISHES: tuple[Wish, ...] = ("toggle", "next", "previous")
_KEY = "presenter_bar"
_mount = st.components.v2.component(
    "bikd_presenter_bar",
    css=text_of("presenter_bar.css"),
    js=text_of("presenter_bar.js"),
    isolate_styles=False,
)


def presenter_bar(*, place: str, on_wish: Callable[[Wish], None]) -> None:
    """Hear P, Escape and the arrow keys, unless somebody types; while presenting, draw a bar.

    Args:
        place: What is shown, in words; "": nothing is presented.
        on_wish: Called with what a key or a button asks for, before the script runs again.
    """

    def take() -> None:
        wish = reported(_KEY, "wish")
        if wish in WISHES:
            on_wish(wish)

    _mount(key=_KEY, data={"place": place}, on_wish_change=take)
