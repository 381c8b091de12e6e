"""Start of a run from the side bar: at once, or after a question while something trains."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app.shared import access, engine, status
from app.shared.engine import attempt
from app.shared.long_start import start_or_ask
from app.shared.markdown import plain
from app.shared.session import session
from bikd_core.config import RunConfig
from bikd_core.runs import Snapshot


def start(config: RunConfig) -> None:
    """Start a run; ask first if something trains or waits, or if it is going to take long."""
    session().forget_complaints()
    if attempt(_unfinished):
        session().waiting_config = config
    else:
        _start_alone(config)


def confirm_busy_start() -> None:
    """Draw the question what to do with a run that cannot train at once, if there is one."""
    config, session().waiting_config = session().waiting_config, None
    if config is not None:
        _question(config)


@st.dialog("Something trains already")
def _question(config: RunConfig) -> None:
    unfinished = attempt(_unfinished) or ()
    twin = next((run for run in unfinished if run.config == config), None)
    if twin is not None:
        _ask_about_twin(config, twin)
    elif unfinished:
        _ask(config, unfinished)
    else:  # it has ended meanwhile
        st.write("It has ended: the new run can begin.")
        _buttons({"Start": partial(_start_alone, config)})


def _ask(config: RunConfig, unfinished: tuple[Snapshot, ...]) -> None:
    """Draw the question for a run whose controls no unfinished run has."""
    first, num_waiting = unfinished[0], len(unfinished) - 1
    wait = f", and {num_waiting} more wait{'s' * (num_waiting == 1)}" if num_waiting else ""
    st.write(f"{_in_words(first)}{wait}.")
    refusal = access.refusal(first.folder)
    if refusal:
        st.caption(plain(refusal))
    stop = {} if refusal else {"Stop it and start": partial(_stop_and_start, first.run_id, config)}
    _buttons({"Queue behind it": partial(_start_alone, config)} | stop)


def _ask_about_twin(config: RunConfig, twin: Snapshot) -> None:
    """Draw the question for a run that is trained, or waits, already."""
    st.write(f"The same run exists, with all controls alike. {_in_words(twin)}.")
    _buttons(
        {
            "Open it": partial(session().show_run, twin.run_id),
            "Queue a second one": partial(_start_alone, config),
        }
    )


def _buttons(actions: dict[str, partial[None]]) -> None:
    """Draw a button for each answer, and one that starts nothing."""
    with st.container(horizontal=True):
        answers = [
            st.button(words, key=f"busy {number}", on_click=action)
            for number, (words, action) in enumerate(actions.items())
        ]
        if st.button("Cancel", key="busy_cancel") or any(answers):
            st.rerun()


def _in_words(run: Snapshot) -> str:
    name, words = status.headline(run)
    return f"**{plain(run.name)}**: {name} {words}"


def _unfinished() -> tuple[Snapshot, ...]:
    """Return the runs of this server that have not ended, the one that trains first."""
    unfinished = [run for run in engine.manager().list() if not run.has_ended]
    return tuple(sorted(unfinished, key=lambda run: (run.state == "queued", run.created)))


def _stop_and_start(run_id: str, config: RunConfig) -> None:
    attempt(lambda: access.manager_for(run_id).stop(run_id))
    if not session().complaints:
        _start_alone(config)


def _start_alone(config: RunConfig) -> None:
    """Start or queue a run, or ask first if it is going to take long."""
    seconds = attempt(lambda: engine.manager().estimate(config))
    start_or_ask(seconds, partial(_start_now, config))


def _start_now(config: RunConfig) -> None:
    now = session()
    run_id = attempt(lambda: engine.manager().start(config))
    if run_id is not None:
        now.show_run(run_id)
        now.second_run, now.cloned_run = now.cloned_run, ""
        attempt(lambda: access.claim(run_id))
