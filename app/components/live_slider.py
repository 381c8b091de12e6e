"""A slider that reports its value while it is dragged; `st.slider` does so only on release."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import streamlit as st

from app.components.report import reported
from app.components.source import text_of

_mount = st.components.v2.component(
    "bikd_live_slider",
    css=text_of("live_slider.css"),
    js=text_of("live_slider.js"),
    isolate_styles=False,
)


def live_slider(
    label: str,
    *,
    key: str,
    low: float,
    high: float,
    value: float,
    on_move: Callable[[float], None],
    words: Sequence[str] = (),
) -> bool:
    """Draw the slider; return True in the one script run after it was released.

    Args:
        label: The name that screen readers announce.
        key: The element's key.
        low: The lower end.
        high: The upper end.
        value: Its value, in that range, unless the user is dragging it.
        on_move: Called with the new value, in that range, before the script runs again.
        words: What each whole value from `low` to `high` is called; () for the number itself.
    """

    def take(name: str) -> None:
        moved_to = _number(reported(key, name))
        if moved_to is not None:
            on_move(min(max(moved_to, low), high))

    result = _mount(
        key=key,
        data={"label": label, "low": low, "high": high, "value": value, "words": list(words)},
        on_value_change=lambda: take("value"),
        on_settled_change=lambda: take("settled"),
    )
    return _number(result.settled) is not None


def _number(value: object) -> float | None:
    """Return a browser's value, which may be anything, as a number; None if it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
