"""How long training would take. The run manager may have to time a few steps to know."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.shared import engine, status
from app.shared.engine import attempt
from app.shared.session import Estimate
from bikd_core.config import RunConfig

_ASSUMES = (
    "Judged by the last run of its kind on this machine, or else by a few timed steps. It includes "
    "the training of teachers that are not stored yet."
)
ASK_EVERY_S = 2.0
MAX_ASKED = 30  # times; after that the page says that there is no estimate, and asks no more


def seconds_of(config: RunConfig, speed: float | None) -> float | None:
    """Return how long a run would take with at most so many epochs per second; None: not known."""
    seconds = engine.manager().estimate(config)
    if seconds is None or speed is None:
        return seconds
    return max(seconds, config.training.epochs / speed)


def show_estimate(
    estimate: Estimate,
    ask: Callable[[], float | None],
    *,
    is_idle: bool,
    key: str,
    max_asked: int = MAX_ASKED,
) -> None:
    """Draw an estimate; while there is none yet and nothing trains, ask again by itself.

    Args:
        estimate: What is known so far.
        ask: Returns seconds, or None while nobody knows.
        is_idle: Nothing that the page shows trains: there is time to measure.
        key: Of the polled part of the page.
        max_asked: How often to ask by itself.
    """
    waits = is_idle and estimate.seconds is None and estimate.times_asked < max_asked
    draw = st.fragment(_draw, run_every=ASK_EVERY_S if waits else None, key=key)
    draw(estimate, ask, waits=waits, max_asked=max_asked)


def _draw(
    estimate: Estimate, ask: Callable[[], float | None], *, waits: bool, max_asked: int
) -> None:
    """Draw the estimate; at first only announce it: the page is painted before steps are timed."""
    estimate.times_asked += 1
    if estimate.times_asked > 1 or not waits:
        estimate.seconds = attempt(ask)
    if waits and (estimate.seconds is not None or estimate.times_asked >= max_asked):
        st.rerun()  # without the timer
    help_text = None if estimate.seconds is None else _ASSUMES
    st.caption(_in_words(estimate.seconds, waits=waits), width="content", help=help_text)


def _in_words(seconds: float | None, *, waits: bool) -> str:
    if seconds is not None:
        return f"About {status.duration(seconds)} on this machine, if nothing else runs."
    if waits:
        return "Estimating the time of training …"
    return "No estimate now: no similar run has been timed here."
