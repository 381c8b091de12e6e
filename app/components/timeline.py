"""The one epoch slider: it goes back in time, or follows the training.

Not `st.slider`: that one would have to live in the polled part of the page to follow, where a
new value from the server would take it out of the hand that drags it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from app.components.report import ignore, reported

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "bikd_timeline",
    css=(_HERE / "timeline.css").read_text(encoding="utf-8"),
    js=(_HERE / "timeline.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


class Choice(NamedTuple):
    """Epochs; None is the newest, whichever that is."""

    epoch: int | None  # chosen now, perhaps on the way elsewhere
    settled: int | None  # chosen when the slider was last released


def timeline(*, key: str, planned: int, done: int, is_live: bool, start: int | None) -> Choice:
    """Draw the slider; return what is chosen.

    Args:
        key: One for each run.
        planned: Epochs that the run is to have: the slider's fixed end.
        done: Epochs that can be looked at; the slider stops there.
        is_live: Whether more will come.
        start: The epoch to begin at, if nothing was chosen yet.
    """
    chosen = _chosen_epoch(key, start)
    result = _mount(
        key=key,
        data={"planned": planned, "done": done, "chosen": chosen, "is_live": is_live},
        default={"epoch": start, "settled": start},
        on_epoch_change=ignore,
        on_settled_change=ignore,
    )
    return Choice(_epoch(result.epoch, done), _epoch(result.settled, done))


def _chosen_epoch(key: str, start: int | None) -> Any:
    """Return what the slider says, before it is drawn; a browser sent it."""
    return start if st.session_state.get(key) is None else reported(key, "epoch")


def _epoch(value: object, done: int) -> int | None:
    """Return a browser's value, which may be anything, as an epoch that exists."""
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
        return None
    return max(1, min(int(value), done))
