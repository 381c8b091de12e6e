"""A drawer: what a click selected, drawn beside the click, over the page, so that nothing moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from app.components.report import reported
from app.components.source import text_of

_mount = st.components.v2.component(
    "bikd_drawer",
    css=text_of("drawer.css"),
    js=text_of("drawer.js"),
    isolate_styles=False,
)


@contextmanager
def drawer(key: str, *, holds: str, label: str, on_close: Callable[[], None]) -> Iterator[None]:
    """Draw what stands in the `with` block in a drawer.

    Draw a closed one too: it notices where the click that opens it falls.

    Args:
        key: The element's key, the same in every draw.
        holds: What it holds, in a few words or a number: while that is the same it stays in its
            place. "": it is closed.
        label: The name that screen readers announce.
        on_close: Called before the script runs again, when its button or Escape was pressed.
    """
    with st.container(key=f"drawer_{key}", gap="xsmall"):
        _mount(
            key=key,
            data={"holds": holds, "label": label},
            on_closed_change=lambda: _close(key, on_close),
        )
        yield


def _close(key: str, on_close: Callable[[], None]) -> None:
    if reported(key, "closed"):
        on_close()
