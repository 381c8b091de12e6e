"""Whether the browser tab is hidden: Streamlit itself does not know."""

from __future__ import annotations

import streamlit as st

from app.components.report import ignore
from app.components.source import text_of

_mount = st.components.v2.component(
    "bikd_visibility",
    js=text_of("visibility.js"),
)


def page_is_hidden() -> bool:
    """Return whether nobody can see the page; the script runs again when that changes."""
    result = _mount(key="visibility", default={"hidden": False}, on_hidden_change=ignore)
    return bool(result.hidden)
