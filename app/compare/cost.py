"""The time that the compared methods take, timed beside each other on a click."""

from __future__ import annotations

import streamlit as st

from app.shared import engine
from app.shared.session import session
from bikd_core.config import RunConfig
from bikd_core.runs.cost import NUM_TURNS, Timing
from bikd_core.studies import Comparison


def epoch_seconds(comparison: Comparison) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """Return each method with its seconds of an epoch by turn; () until all are timed."""
    timing = _timing(comparison)
    if timing is None or not timing.has_result:
        return ()
    return tuple((method, timing.seconds[config]) for method, config in _configs(comparison))


def is_timing(comparison: Comparison) -> bool:
    """Return whether these methods are timed now."""
    timing = _timing(comparison)
    return timing is not None and not timing.is_over


def button(comparison: Comparison, *, is_training: bool) -> None:
    """Draw the button that times the methods, or how far that is.

    Args:
        comparison: The methods.
        is_training: Whether a run of the comparison trains or waits.
    """
    timing = _timing(comparison)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        is_clicked = st.button(
            "Time them again" if timing is not None and timing.has_result else "Time the methods",
            key="time_methods",
            icon=":material/timer:",
            disabled=is_training or is_timing(comparison),
            on_click=_begin,
            args=(comparison,),
            help=f"A few steps of each method in turns, {NUM_TURNS + 1} times, in one process. It "
            "takes some seconds for each method, while nothing trains.",
        )
        st.caption(_in_words(timing), width="content")
    if is_clicked:
        st.rerun()  # the whole page: the interval of its polls changes


def _in_words(timing: Timing | None) -> str:
    if timing is None or timing.has_result:
        return ""
    if timing.failure:
        return f"They could not be timed: {timing.failure}"
    return f"Timing: {timing.num_turns} of {NUM_TURNS} turns, after one that warms up."


def _begin(comparison: Comparison) -> None:
    session().forget_complaints()
    if not engine.manager().costs.begin([config for _, config in _configs(comparison)]):
        session().complain("Something trains or is timed now: the methods can be timed after it.")


def _configs(comparison: Comparison) -> list[tuple[str, RunConfig]]:
    """Return each method as text with its config of the first seed."""
    seed = comparison.seeds[0]
    return [(entry.text, comparison.config_of(entry, seed)) for entry in comparison.entries]


def _timing(comparison: Comparison) -> Timing | None:
    return engine.manager().costs.timing([config for _, config in _configs(comparison)])
