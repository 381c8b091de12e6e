"""The control keys that a browser stores, which outlast its sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app.components.report import reported
from app.components.source import text_of

KEY = "control_keys_of_browser"
_mount = st.components.v2.component(
    "bikd_control_keys",
    js=text_of("control_keys.js"),
)


def control_keys(
    *,
    asks: bool,
    gained: Mapping[str, str],
    lost: Sequence[str],
    on_keys: Callable[[object], None],
) -> None:
    """Let the browser store keys; draw nothing.

    Args:
        asks: Whether to ask the browser for its keys; it answers only if it has some.
        gained: Keys to keep from now on, by run id.
        lost: Runs whose keys are no longer of use.
        on_keys: Called with what the browser sends, which may be anything, before the script runs
            again.
    """
    _mount(
        key=KEY,
        data={"asks": asks, "gained": dict(gained), "lost": list(lost)},
        on_keys_change=lambda: on_keys(reported(KEY, "keys")),
    )
