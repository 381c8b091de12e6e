"""What a component's JavaScript has reported, which may be anything: a browser sent it."""

from __future__ import annotations

from typing import Any

import streamlit as st


def reported(key: str, name: str) -> Any:
    """Return what the component with that key last reported under a name; None if nothing yet."""
    state: Any = st.session_state.get(key)
    return state.get(name) if state else None


def ignore() -> None:
    """Do nothing: Streamlit sends a component's state only where there is a callback."""


def whole_number(value: object) -> int | None:
    """Return a browser's value, which may be anything, as a whole number; None if it is not one."""
    if not isinstance(value, int | float) or isinstance(value, bool) or value % 1 != 0:
        return None
    return int(value)
