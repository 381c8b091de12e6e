"""The browser's address: whether Back or Forward opened it, and writing what the page shows."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st


def is_history_navigation() -> bool:
    """Return whether this script run comes from the browser's Back or Forward button (1.67)."""
    context = st.runtime.scriptrunner.get_script_run_ctx()
    return bool(getattr(context, "is_history_navigation", False))


def write_address(parameters: Mapping[str, str]) -> None:
    """Set the query parameters of the browser's address, if they differ."""
    if parameters != dict(st.query_params):
        st.query_params.from_dict(parameters)
