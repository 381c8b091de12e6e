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
