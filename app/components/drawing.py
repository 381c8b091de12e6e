"""A field to draw a digit in, and what the networks say about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from app.components.report import reported
from app.components.source import loader_of

_mount = st.components.v2.component("bikd_drawing", js=loader_of("drawing"), isolate_styles=False)


def drawing_field(
    shown: Mapping[str, Any], *, key: str, on_picture: Callable[[object], None]
) -> None:
    """Draw the field and the last answer.

    Args:
        shown: What `app.toy.digit` says.
        key: The element's key, the same in every draw.
        on_picture: Called with what the browser sends, which may be anything, before the script
            runs again: a number that rises, and either pixels or the number of a test picture.
    """
    _mount(
        key=key,
        data=[dict(shown)],  # in a list: each value of a dict is examined for data frames (1.67)
        on_picture_change=lambda: on_picture(reported(key, "picture")),
    )
