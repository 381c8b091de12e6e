"""How long a run would take: asked of the run manager, which may have to time a few steps first."""

from __future__ import annotations

import streamlit as st

from app.shared import state, status
from app.shared.state import attempt
from bikd_core.config import RunConfig

ASK_EVERY_S = 2.0
MAX_ASKED = 30  # times; then the page says that there is no estimate, and asks no more


def estimate(config: RunConfig, *, is_idle: bool) -> None:
    """Draw the estimate; while there is none yet and nothing trains, ask again by itself."""
    if st.session_state.get("estimated_config") != config:
        st.session_state["estimated_config"] = config
        st.session_state["times_asked"] = 0
        st.session_state["is_estimated"] = False
    waits = (
        is_idle
        and not st.session_state["is_estimated"]
        and st.session_state["times_asked"] < MAX_ASKED
    )
    st.fragment(_draw, run_every=ASK_EVERY_S if waits else None, key="estimate")(config, waits)


def _draw(config: RunConfig, waits: bool) -> None:
    """The first call only promises: the page is to be painted before steps are timed."""
    times_asked = st.session_state["times_asked"] = st.session_state["times_asked"] + 1
    seconds = None
    if times_asked > 1 or not waits:
        seconds = attempt(lambda: state.manager().estimate(config))
    st.session_state["is_estimated"] = seconds is not None
    if waits and (seconds is not None or times_asked >= MAX_ASKED):
        st.rerun()  # without the timer
    if seconds is not None:
        st.caption(f"About {status.duration(seconds)} of training on this machine.")
    elif waits:
        st.caption("Estimating the time of training …")
    else:
        st.caption("No estimate now: no such run has been timed here.")
