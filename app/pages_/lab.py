"""The Lab: set a run up, start and steer it, watch it live, go back in time."""

from __future__ import annotations

import streamlit as st

from app import controls, runs_list, state, status, url, views
from app.components import page_is_hidden, timeline
from app.state import attempt, manager
from bikd_core.config import ConfigError, RunConfig
from bikd_core.runs import Snapshot, UnknownRun
from bikd_core.teacher_card import list_teachers

POLL_S = 0.5
ASK_ABOVE_S = 30 * 60  # a run that is estimated to take longer is confirmed first


def page() -> None:
    """The whole page, from top to bottom."""
    state.open_session()
    folders = manager().places.teacher_folders()
    with st.sidebar:
        st.markdown("#### Bilevel Distillation Lab")
        config = controls.sidebar(dict(list_teachers(folders)))
    snapshot = _opened_run()
    view = _buttons(config, snapshot)
    for complaint in st.session_state["complaints"]:
        st.warning(complaint)
    if snapshot is None:
        state.write_link(epoch=None, view="")
        runs_list.welcome()
        return
    _run(snapshot, view)


def _opened_run() -> Snapshot | None:
    """The run that the link names; a sentence if there is no such run."""
    run_id: str = st.session_state["run"]
    if not run_id:
        return None
    try:
        snapshot = manager().snapshot(run_id)
    except UnknownRun:
        state.show_run("")
        state.complain(
            f"run = {run_id[:80]!r} is not a run of this server: open one from the list of "
            "earlier runs, or start a new one."
        )
        return None
    if not st.session_state.pop("has_linked_controls", True):
        state.take_controls_of(snapshot.config)  # a bare link to a run shows what the run was
        st.rerun()
    return snapshot


# Buttons ---------------------------------------------------------------------------------------


def _buttons(config: RunConfig | None, snapshot: Snapshot | None) -> str:
    """All of them, always, enabled as the opened run's state allows; returns the chosen view."""
    run_state = snapshot.state if snapshot else None
    is_active = snapshot is not None and not snapshot.has_ended
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
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
        _pause_or_resume(snapshot)
        st.menu_button(
            "Step",
            options=["inner", "outer", "epoch"],
            format_func=_STEPS.__getitem__,
            key="step",
            icon=":material/step:",
            disabled=run_state not in {"running", "paused", "starting"},
            on_click=_step,
        )
        st.button(
            "Stop",
            key="stop",
            icon=":material/stop:",
            disabled=not is_active,
            on_click=_steer,
            args=("stop",),
        )
        if st.button("Earlier runs", key="runs", icon=":material/history:"):
            runs_list.dialog()
        view = _view() if snapshot else ""
    if waiting := st.session_state.pop("to_confirm", None):
        _confirm(*waiting)
    return view


_STEPS = {
    "inner": "one inner step (the student)",
    "outer": "one outer step (the weight net)",
    "epoch": "one epoch",
}


def _pause_or_resume(snapshot: Snapshot | None) -> None:
    """One button: Pause, Resume of a paused run, or Resume of one that ended early."""
    if snapshot is not None and snapshot.can_resume:
        action, label, icon = "resume_from_checkpoint", "Resume", "resume"
    elif snapshot is not None and snapshot.state == "paused":
        action, label, icon = "resume", "Resume", "resume"
    else:
        action, label, icon = "pause", "Pause", "pause"
    st.button(
        label,
        key="pause",
        icon=f":material/{icon}:",
        disabled=snapshot is None or snapshot.state == "finished",
        on_click=_steer,
        args=(action,),
    )


def _start(config: RunConfig) -> None:
    """Start, or ask first if it is going to take long."""
    state.forget_complaints()
    seconds = attempt(lambda: manager().estimate(config))
    if seconds is not None and seconds > ASK_ABOVE_S:
        st.session_state["to_confirm"] = (config, seconds)
    else:
        _start_now(config)


def _start_now(config: RunConfig) -> None:
    run_id = attempt(lambda: manager().start(config))
    if run_id is not None:
        state.show_run(run_id)


@st.dialog("Start such a long run?")
def _confirm(config: RunConfig, seconds: float) -> None:
    st.write(f"It is estimated to train for {status.duration(seconds)} on this machine.")
    with st.container(horizontal=True):
        if st.button("Start it", key="confirm_start", type="primary"):
            _start_now(config)
            st.rerun()
        if st.button("Not now", key="confirm_not"):
            st.rerun()


def _steer(action: str) -> None:
    state.forget_complaints()
    run_id = st.session_state["run"]
    attempt(lambda: getattr(manager(), action)(run_id))


def _step() -> None:
    state.forget_complaints()
    run_id, level = st.session_state["run"], st.session_state["step"]
    attempt(lambda: manager().step(run_id, level))


# The opened run --------------------------------------------------------------------------------


def _run(snapshot: Snapshot, view: str) -> None:
    """What stays while the run is polled, and the fragment that polls it."""
    by_class = _by_class(snapshot)
    start = _linked_epoch(snapshot)
    is_polled = not snapshot.has_ended and not page_is_hidden()
    live = st.fragment(_live, run_every=POLL_S if is_polled else None, key="live")
    live(snapshot.run_id, snapshot.state, view, by_class, start)


def _view() -> str:
    asked = st.session_state.pop("linked_view", None)
    if asked is not None and asked in views.VIEWS:
        st.session_state["view"] = asked
    elif asked is not None:
        right = ", ".join(views.VIEWS)
        st.warning(
            f"view = {asked[:40]!r} is not possible: it must be one of {right}. "
            f"{views.FIRST_VIEW} is shown."
        )
    st.session_state.setdefault("view", views.FIRST_VIEW)
    view = st.segmented_control(
        "View", list(views.VIEWS), key="view", required=True, label_visibility="collapsed"
    )
    return view or views.FIRST_VIEW


def _by_class(snapshot: Snapshot) -> bool:
    if not views.has_many_classes(snapshot):
        return True
    options = ["groups", "classes"]
    st.session_state.setdefault("weights_by", options[0])
    return options[1] == st.segmented_control(
        "Weights by", options, key="weights_by", required=True
    )


def _linked_epoch(snapshot: Snapshot) -> int | None:
    try:
        return url.read_epoch(st.session_state.get("linked_epoch"), snapshot.config.training.epochs)
    except ConfigError as error:
        st.session_state["linked_epoch"] = None
        st.warning(str(error))
        return None


def _live(run_id: str, drawn_state: str, view: str, by_class: bool, start: int | None) -> None:
    """Everything that changes while the run trains; a full rerun where the buttons must change."""
    try:
        snapshot = manager().snapshot(run_id)
    except UnknownRun:  # deleted meanwhile
        st.rerun()
    if snapshot.state != drawn_state:
        st.rerun()
    _headline(snapshot)
    done, planned = len(snapshot.epochs), snapshot.config.training.epochs
    chosen = timeline(
        key=f"timeline {run_id}",
        planned=planned,
        done=done,
        is_live=not snapshot.has_ended,
        start=start,
    )
    state.write_link(epoch=chosen, view="" if view == views.FIRST_VIEW else view)
    views.show(view, snapshot, done if chosen is None else chosen, by_class=by_class)


def _headline(snapshot: Snapshot) -> None:
    name, words = status.headline(snapshot)
    with st.container(key="headline", horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(f"**:{status.colour_of(snapshot)}-badge[{name}] {words}**", width="content")
        st.caption(status.summary(snapshot), width="content")
    if snapshot.reason and snapshot.state in {"failed", "interrupted"}:
        show = st.error if snapshot.state == "failed" else st.warning
        show(snapshot.reason)
    for warning in snapshot.epochs[-1].warnings if snapshot.epochs else ():
        st.warning(warning)
