"""A training starts at once, or after a question while something else trains or waits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from app.shared import access, engine, status
from app.shared.clicks import close_dialog
from app.shared.engine import attempt
from app.shared.estimate import seconds_of
from app.shared.long_start import start_or_ask
from app.shared.markdown import plain
from app.shared.session import WaitingStart, session
from bikd_core.config import RunConfig
from bikd_core.runs import Snapshot

_DIALOG = "busy_start"


def start_or_ask_if_busy(
    config: RunConfig,
    start: Callable[[], None],
    open_run: Callable[[str], None],
    speed: float | None = None,
) -> None:
    """Start a run; ask first if something trains or waits, or if it is going to take long.

    Args:
        config: The run's config.
        start: Starts or queues it.
        open_run: Opens a run by its id: one with the same config that trains or waits.
        speed: Epochs per second that it is going to be limited to.
    """
    session().forget_complaints()
    waiting = WaitingStart(config, start, open_run, speed)
    if attempt(_unfinished):
        session().waiting_start, session().dialog = waiting, _DIALOG
    else:
        _start_alone(waiting)


def confirm_busy_start() -> None:
    """Draw the question what to do with a run that cannot train at once, if there is one."""
    waiting = session().waiting_start
    if waiting is not None and session().dialog == _DIALOG:
        _question(waiting)


@st.dialog("Something trains already", on_dismiss=close_dialog)
def _question(waiting: WaitingStart) -> None:
    unfinished = attempt(_unfinished) or ()
    twin = next((run for run in unfinished if run.config == waiting.config), None)
    if twin is not None:
        _ask_about_twin(waiting, twin)
    elif unfinished:
        _ask(waiting, unfinished)
    else:  # it has ended meanwhile
        st.write("It has ended: the new run can begin.")
        _buttons({"Start": partial(_start_alone, waiting)})


def _ask(waiting: WaitingStart, unfinished: tuple[Snapshot, ...]) -> None:
    """Draw the question for a run whose controls no unfinished run has."""
    first, num_waiting = unfinished[0], len(unfinished) - 1
    wait = f", and {num_waiting} more wait{'s' * (num_waiting == 1)}" if num_waiting else ""
    st.write(f"{_in_words(first)}{wait}.")
    refusal = access.refusal(first.folder)
    if refusal:
        st.caption(plain(refusal))
    stop = {} if refusal else {"Stop it and start": partial(_stop_and_start, first.run_id, waiting)}
    _buttons({"Queue behind it": partial(_start_alone, waiting)} | stop)


def _ask_about_twin(waiting: WaitingStart, twin: Snapshot) -> None:
    """Draw the question for a run that is trained, or waits, already."""
    st.write(f"The same run exists, with all controls alike. {_in_words(twin)}.")
    _buttons(
        {
            "Open it": partial(waiting.open_run, twin.run_id),
            "Queue a second one": partial(_start_alone, waiting),
        }
    )


def _buttons(actions: dict[str, partial[None]]) -> None:
    """Draw a button for each answer, and one that starts nothing."""
    with st.container(horizontal=True):
        answers = [
            st.button(words, key=f"busy {number}", on_click=_answer, args=(action,))
            for number, (words, action) in enumerate(actions.items())
        ]
        if st.button("Cancel", key="busy_cancel", on_click=close_dialog) or any(answers):
            st.rerun()


def _answer(action: partial[None]) -> None:
    close_dialog()
    action()


def _in_words(run: Snapshot) -> str:
    name, words = status.headline(run)
    return f"**{plain(run.name)}**: {name} {words}"


def _unfinished() -> tuple[Snapshot, ...]:
    """Return the runs of this server that have not ended, the one that trains first."""
    unfinished = [run for run in engine.manager().list() if not run.has_ended]
    return tuple(sorted(unfinished, key=lambda run: (run.state == "queued", run.created)))


def _stop_and_start(run_id: str, waiting: WaitingStart) -> None:
    attempt(lambda: access.manager_for(run_id).stop(run_id))
    if not session().complaints:
        _start_alone(waiting)


def _start_alone(waiting: WaitingStart) -> None:
    """Start or queue a run, or ask first if it is going to take long."""
    seconds = attempt(lambda: seconds_of(waiting.config, waiting.speed))
    start_or_ask(seconds, waiting.start)
