"""A training that would take long is confirmed before it starts."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.shared import status
from app.shared.clicks import close_dialog
from app.shared.markdown import plain
from app.shared.session import PendingStart, session

ASK_ABOVE_S = 30 * 60  # estimated seconds of training
_DIALOG = "long_start"


def start_or_ask(seconds: float | None, start: Callable[[], None]) -> None:
    """Start, or ask first if it is estimated to take long.

    Args:
        seconds: The estimate; None: unknown, which does not hold it up.
        start: Starts the training.
    """
    if seconds is not None and seconds > ASK_ABOVE_S:
        session().pending_start = PendingStart(seconds, start)
        session().dialog = _DIALOG
    else:
        start()


def confirm_long_start(title: str, *more: str) -> None:
    """Draw the question, if one is due.

    Args:
        title: The question in short.
        more: Further sentences, shown after the estimated time.
    """
    pending = session().pending_start
    if pending is not None and session().dialog == _DIALOG:
        st.dialog(title, on_dismiss=close_dialog)(_confirm)(pending, more)


def _confirm(pending: PendingStart, more: tuple[str, ...]) -> None:
    st.write(f"It is estimated to train for {status.duration(pending.seconds)} on this machine.")
    for sentence in more:
        st.write(plain(sentence))
    with st.container(horizontal=True):
        is_started = st.button(
            "Start it", key="confirm_start", type="primary", on_click=_start, args=(pending,)
        )
        if st.button("Not now", key="confirm_not", on_click=close_dialog) or is_started:
            st.rerun()


def _start(pending: PendingStart) -> None:
    close_dialog()
    pending.start()
