"""The epoch slider, which goes back in time or follows the training.

`st.slider` would have to live in the polled part of the page to follow, where a new value from the
server would interrupt whoever drags it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import streamlit as st

from app.components.report import ignore, reported
from app.components.source import text_of

_mount = st.components.v2.component(
    "bikd_timeline",
    css=text_of("timeline.css"),
    js=text_of("timeline.js"),
    isolate_styles=False,
)


class Choice(NamedTuple):
    """The chosen epochs; None is the newest, whichever that is."""

    epoch: int | None  # chosen now, perhaps in the middle of a drag
    settled: int | None  # chosen when the slider was last released


class HostAt(NamedTuple):
    """Where the host of a class is, as one of its followers has it."""

    epoch: int | None  # None: the newest
    is_away: bool  # whether the follower looks at something else than the host


def timeline(
    *,
    key: str,
    planned: int,
    done: int,
    is_live: bool,
    start: int | None,
    host: HostAt | None = None,
    on_live: Callable[[], None] = ignore,
) -> Choice:
    """Draw the slider; return what is chosen.

    Args:
        key: The element's key, one for each run.
        planned: Planned epochs of the run: the slider's fixed end.
        done: Finished epochs; the slider stops there.
        is_live: Whether more will come.
        start: The epoch to begin at, if nothing was chosen yet.
        host: In a class, where its host is: there, and not at the newest epoch, is a follower who
            has chosen nothing.
        on_live: Called when a follower goes back there, before the script runs again.
    """
    chosen = _state_of(key, "epoch", start)
    result = _mount(
        key=key,
        data={
            "planned": planned,
            "done": done,
            "chosen": chosen,
            "is_live": is_live,
            "host": host and host._asdict(),
        },
        default={"epoch": start, "settled": start},
        on_epoch_change=ignore,
        on_settled_change=ignore,
        on_live_change=on_live,
    )
    return Choice(_epoch(result.epoch, done), _epoch(result.settled, done))


def chosen_epoch(*, key: str, done: int, start: int | None) -> int | None:
    """Return the epoch that `timeline` will return, before it is drawn; None: the newest."""
    return _epoch(_state_of(key, "epoch", start), done)


def _state_of(key: str, name: str, start: int | None) -> Any:
    """Return a value of the slider before it is drawn, unchecked: a browser sent it."""
    return start if st.session_state.get(key) is None else reported(key, name)


def _epoch(value: object, done: int) -> int | None:
    """Return a browser's value, which may be anything, as an epoch that exists."""
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
        return None
    return max(1, min(int(value), done))
