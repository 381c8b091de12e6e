"""The Lab's row of buttons: start a run, steer the open one, open another."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app.classroom.host import open_class_button
from app.classroom.state import Place
from app.lab import pair, runs_list, views
from app.lab.presenter import present_button
from app.lab.this_run import this_run
from app.lab.tuning import tuning
from app.shared import access, engine
from app.shared.busy_start import confirm_busy_start, start_or_ask_if_busy
from app.shared.engine import attempt
from app.shared.long_start import confirm_long_start
from app.shared.markdown import plain
from app.shared.session import session
from bikd_core.config import RunConfig
from bikd_core.config.own_loop import OWN_LOOP_REFUSAL
from bikd_core.runs import Snapshot

_STEPS = {
    "inner": "one inner step (the student)",
    "outer": "one outer step (the weight net)",
    "epoch": "one epoch",
}


def buttons(config: RunConfig | None, snapshot: Snapshot | None, second: Snapshot | None) -> None:
    """Draw all buttons, enabled as the open run's state allows.

    Args:
        config: The config of the controls; None if it is not possible.
        snapshot: The open run.
        second: The run beside it.
    """
    run_state = snapshot.state if snapshot else None
    is_active = snapshot is not None and not snapshot.has_ended
    may_change = access.refusal(snapshot.folder) if snapshot else ""
    is_foreign = snapshot is not None and snapshot.config.is_recorded_elsewhere
    refusal = may_change or (OWN_LOOP_REFUSAL if is_foreign else "")
    with st.container(key="buttons", horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Start",
            key="start",
            type="primary",
            icon=":material/play_arrow:",
            disabled=config is None,
            on_click=_start,
            args=(config,),
            help="Start a new run with the controls of the side bar.",
        )
        _pause_or_resume(snapshot, refusal)
        st.menu_button(
            "Step",
            options=["inner", "outer", "epoch"],
            format_func=_STEPS.__getitem__,
            key="step",
            icon=":material/step:",
            disabled=bool(refusal) or run_state not in {"running", "paused", "starting"},
            help=plain(refusal) or None,
            on_click=_step,
        )
        st.button(
            "Stop",
            key="stop",
            icon=":material/stop:",
            disabled=bool(refusal) or not is_active,
            help=plain(refusal) or None,
            on_click=_steer,
            args=("stop",),
        )
        runs_list.earlier_runs()
        if snapshot:
            this_run(snapshot, may_change)
            tuning(snapshot, refusal)
            pair.choice_of_second_run(snapshot, second)
            present_button()
            now = session()
            place = Place(now.run, now.second_run, views.open_view().name, now.by)
            open_class_button(place, refusal)
    confirm_busy_start()
    confirm_long_start("Start such a long run?")


def first_start(config: RunConfig | None) -> None:
    """Draw Start before all controls, for the keyboard: it is seen only while it has the focus."""
    st.button(
        "Start the next run",
        key="first_start_button",
        disabled=config is None,
        on_click=_start,
        args=(config,),
    )


def _start(config: RunConfig) -> None:
    now = session()
    start_or_ask_if_busy(config, partial(_start_now, config), now.show_run, now.speed)


def _start_now(config: RunConfig) -> None:
    now = session()
    run_id = attempt(lambda: engine.manager().start(config))
    if run_id is not None:
        now.show_run(run_id)
        now.second_run, now.cloned_run = now.cloned_run, ""
        if now.speed is not None:  # before its child exists: it holds from the first step on
            attempt(lambda: engine.manager().set_speed(run_id, now.speed))
        attempt(lambda: access.claim(run_id))


def _pause_or_resume(snapshot: Snapshot | None, refusal: str) -> None:
    """Draw one button: Pause, or Resume for a run that is paused or ended early.

    One that failed before its first epoch would fail again: Start begins it anew.
    """
    has_failed_at_once = snapshot is not None and (
        snapshot.state == "failed" and not snapshot.epochs
    )
    if snapshot is not None and snapshot.can_resume and not has_failed_at_once:
        action, label, icon = "resume_from_checkpoint", "Resume", "resume"
    elif snapshot is not None and snapshot.state == "paused":
        action, label, icon = "resume", "Resume", "resume"
    else:
        action, label, icon = "pause", "Pause", "pause"
    st.button(
        label,
        key="pause",
        icon=f":material/{icon}:",
        disabled=bool(refusal)
        or snapshot is None
        or snapshot.state == "finished"
        or has_failed_at_once,
        help=plain(refusal) or None,
        on_click=_steer,
        args=(action,),
    )


def _steer(action: str) -> None:
    now = session()
    now.forget_complaints()
    attempt(lambda: getattr(access.manager_for(now.run), action)(now.run))
    if action == "resume_from_checkpoint" and not now.complaints:
        attempt(lambda: access.claim(now.run))


def _step() -> None:
    session().forget_complaints()
    run_id, level = session().run, st.session_state["step"]
    attempt(lambda: access.manager_for(run_id).step(run_id, level))
