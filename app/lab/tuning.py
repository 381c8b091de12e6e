"""What can be changed while a run trains: its learning rate and its speed."""

from __future__ import annotations

import streamlit as st

from app.shared import access
from app.shared.engine import attempt
from app.shared.markdown import plain
from app.shared.session import session
from bikd_core.config import bounds
from bikd_core.runs import Snapshot

SPEEDS = (0.2, 0.5, 1.0, 2.0, 5.0, None)  # epochs per second at most; None: full speed
SPEED_HELP = "Slows the training so that a class can follow; the numbers stay the same."


def tuning(snapshot: Snapshot, refusal: str) -> None:
    """Draw a popover; each change is an event of the run, and a line in its curves.

    Args:
        snapshot: The run.
        refusal: Why this browser may not change the run; "" if it may.
    """
    run_id = snapshot.run_id
    with st.popover("Tune", icon=":material/tune:", disabled=snapshot.has_ended):
        if refusal:
            st.caption(plain(refusal))
        st.caption("Changes act from the next step on, and are marked in the curves.")
        st.number_input(
            "Learning rate, before its decay",
            min_value=1e-6,
            max_value=bounds("learning_rate")["le"],
            value=_current(snapshot, "learning_rate", snapshot.config.training.learning_rate),
            format="%.6g",
            step=0.01,
            key=f"tune_rate {run_id}",
            disabled=bool(refusal),
            on_change=_set_learning_rate,
            args=(run_id,),
            help="For the student's SGD. It falls to a tenth at 2/3 and at 5/6 of the epochs.",
        )
        current = _current(snapshot, "speed", None)
        st.select_slider(
            "Speed",
            SPEEDS,
            value=current if current in SPEEDS else None,
            format_func=in_words,
            key=f"tune_speed {run_id}",
            disabled=bool(refusal),
            on_change=_set_speed,
            args=(run_id,),
            help=SPEED_HELP,
        )


def in_words(speed: float | None) -> str:
    """Return a limit on the speed, in epochs per second, as people say it."""
    if speed is None:
        return "full"
    return f"{speed:g}/s" if speed >= 1 else f"1 in {1 / speed:g} s"


def _current(snapshot: Snapshot, control: str, otherwise: float | None) -> float | None:
    """Return what a control was last set to, else what the run began with."""
    return next(
        (change.value for change in snapshot.controls[::-1] if change.control == control), otherwise
    )


def _set_learning_rate(run_id: str) -> None:
    value = st.session_state[f"tune_rate {run_id}"]
    session().forget_complaints()
    attempt(lambda: access.manager_for(run_id).set_learning_rate(run_id, value))


def _set_speed(run_id: str) -> None:
    value = st.session_state[f"tune_speed {run_id}"]
    session().forget_complaints()
    attempt(lambda: access.manager_for(run_id).set_speed(run_id, value))
