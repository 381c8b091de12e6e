"""Clicks that hold until the page has acted on them.

What `st.button` returns is gone when something else runs the script again: before the script is at
the button, while it acts, or while a dialog that the click opened is being read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.shared.session import session


def button(label: str, *, key: str, draw: Callable[..., bool] = st.button, **options: Any) -> bool:
    """Draw a button like `st.button`, or by `draw`; return true from a click until `acted_on`."""
    draw(label, key=key, on_click=session().clicked.add, args=(key,), **options)
    return key in session().clicked


def acted_on(key: str) -> None:
    """Let the button of that key be as it was before the click."""
    session().clicked.discard(key)


def dialog_button(label: str, *, key: str, **options: Any) -> bool:
    """Draw a button that opens a dialog; return true while that is open, until `close_dialog`."""
    st.button(label, key=key, on_click=_open, args=(key,), **options)
    return session().dialog == key


def close_dialog() -> None:
    """Close the dialog that is open."""
    session().dialog = ""


def _open(dialog: str) -> None:
    session().dialog = dialog
