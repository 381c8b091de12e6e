"""The plane of a toy: its ground, its points, its controls. The script is in the static folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from app.components.report import reported
from app.components.source import loader_of

_mount = st.components.v2.component("bikd_toy", js=loader_of("toy"), isolate_styles=False)


def toy_plane(
    shown: Mapping[str, Any],
    *,
    key: str,
    on_edits: Callable[[object], None],
    on_hidden: Callable[[bool], None],
) -> None:
    """Draw a toy.

    Args:
        shown: What `app.toy.show` says about it.
        key: The element's key, the same in every draw.
        on_edits: Called with what the browser sends, which may be anything, before the script runs
            again: all edits that it has not seen taken yet.
        on_hidden: Called with whether nobody can see the page, when that changes.
    """
    _mount(
        key=key,
        data=[dict(shown)],  # in a list: each value of a dict is examined for data frames (1.67)
        on_edits_change=lambda: on_edits(reported(key, "edits")),
        on_hidden_change=lambda: on_hidden(reported(key, "hidden") is True),
    )
