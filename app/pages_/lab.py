"""The Lab: set a run up, start and steer it, watch it live, go back in time."""

from __future__ import annotations

import streamlit as st

from app import access, choices, controls, runs_list, state, status, url, views
from app.components import page_is_hidden, timeline
from app.state import attempt
from app.this_run import this_run
from bikd_core.config import ConfigError, RunConfig
from bikd_core.runs import Snapshot, UnknownRun
from bikd_core.teacher_card import list_teachers

POLL_S = 0.5
ASK_ABOVE_S = 30 * 60  # a run that is estimated to take longer is confirmed first


def page() -> None:
    """The whole page, from top to bottom."""
    state.open_session()
    snapshot = _opened_run()
    start = _linked_epoch(snapshot)
    _take_linked_view()
    with st.sidebar:
        st.markdown("#### Bilevel Distillation Lab")
        teachers = dict(list_teachers(state.manager().places.teacher_folders()))
        is_idle = snapshot is None or snapshot.has_ended
        config = controls.sidebar(teachers, is_idle=is_idle)
    access.exchange_keys()
    _buttons(config, snapshot)
    with st.container(key="complaints"):  # always there: what comes after it keeps its place
        for complaint in st.session_state["complaints"]:
            st.warning(complaint)
    is_hidden = page_is_hidden()
    if snapshot is None:
        state.write_link(epoch=None, view="")
        runs_list.welcome()
        return
    is_polled = not snapshot.has_ended and not is_hidden
    # Of its own, so that another view costs neither the side bar nor the buttons.
    st.fragment(_run, key="run")(snapshot, start, is_polled=is_polled)


# What the link names ---------------------------------------------------------------------------


def _opened_run() -> Snapshot | None:
    """The run that is open; a sentence if there is no such run."""
    run_id: str = st.session_state["run"]
    if not run_id:
        return None
    snapshot = attempt(lambda: _snapshot_of(run_id))
    if snapshot is None:
        st.session_state["run"] = ""
    elif not st.session_state.pop("has_linked_controls", True):
        state.take_controls_of(snapshot.config)  # a bare link to a run shows what the run was
    return snapshot


def _snapshot_of(run_id: str) -> Snapshot:
    try:
        return state.manager().snapshot(run_id)
    except UnknownRun as error:
        raise UnknownRun(
            f"run = {run_id[:80]!r} is not a run of this server: open one from the list of "
            "earlier runs, or start a new one."
        ) from error


def _linked_epoch(snapshot: Snapshot | None) -> int | None:
    linked = st.session_state["linked_epoch"]
    if linked is None:
        return None
    if snapshot is None:
        state.complain(f"epoch = {linked[:40]!r} needs a run to belong to: open one first.")
        st.session_state["linked_epoch"] = None
        return None
    try:
        return url.read_epoch(linked, snapshot.config.training.epochs)
    except ConfigError as error:
        state.complain(str(error))
        st.session_state["linked_epoch"] = None
        return None


def _take_linked_view() -> None:
    if "linked_view" not in st.session_state:  # only a link that was just opened says something
        st.session_state.setdefault("view", views.FIRST_VIEW)
        return
    asked = st.session_state.pop("linked_view")
    st.session_state["view"] = asked if asked in views.VIEWS else views.FIRST_VIEW
    if asked not in {None, *views.VIEWS}:
        state.complain(
            f"view = {asked[:40]!r} is not possible: it must be one of {', '.join(views.VIEWS)}. "
            f"{views.FIRST_VIEW} is shown."
        )


# Buttons ---------------------------------------------------------------------------------------


def _buttons(config: RunConfig | None, snapshot: Snapshot | None) -> None:
    """All of them, always, enabled as the opened run's state allows."""
    run_state = snapshot.state if snapshot else None
    is_active = snapshot is not None and not snapshot.has_ended
    refusal = access.refusal(snapshot.folder) if snapshot else ""
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
        _pause_or_resume(snapshot, refusal)
        st.menu_button(
            "Step",
            options=["inner", "outer", "epoch"],
            format_func=_STEPS.__getitem__,
            key="step",
            icon=":material/step:",
            disabled=bool(refusal) or run_state not in {"running", "paused", "starting"},
            help=refusal or None,
            on_click=_step,
        )
        st.button(
            "Stop",
            key="stop",
            icon=":material/stop:",
            disabled=bool(refusal) or not is_active,
            help=refusal or None,
            on_click=_steer,
            args=("stop",),
        )
        if st.button("Earlier runs", key="runs", icon=":material/history:"):
            runs_list.dialog()
        if snapshot:
            this_run(snapshot, refusal)
    if waiting := st.session_state.pop("to_confirm", None):
        _confirm(*waiting)


_STEPS = {
    "inner": "one inner step (the student)",
    "outer": "one outer step (the weight net)",
    "epoch": "one epoch",
}


def _pause_or_resume(snapshot: Snapshot | None, refusal: str) -> None:
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
        disabled=bool(refusal) or snapshot is None or snapshot.state == "finished",
        help=refusal or None,
        on_click=_steer,
        args=(action,),
    )


def _start(config: RunConfig) -> None:
    """Start, or ask first if it is going to take long."""
    state.forget_complaints()
    seconds = attempt(lambda: state.manager().estimate(config))
    if seconds is not None and seconds > ASK_ABOVE_S:
        st.session_state["to_confirm"] = (config, seconds)
    else:
        _start_now(config)


def _start_now(config: RunConfig) -> None:
    run_id = attempt(lambda: state.manager().start(config))
    if run_id is not None:
        state.show_run(run_id)
        attempt(lambda: access.claim(run_id))


@st.dialog("Start such a long run?")
def _confirm(config: RunConfig, seconds: float) -> None:
    st.write(f"It is estimated to train for {status.duration(seconds)} on this machine.")
    with st.container(horizontal=True):
        is_started = st.button(
            "Start it", key="confirm_start", type="primary", on_click=_start_now, args=(config,)
        )
        if is_started or st.button("Not now", key="confirm_not"):
            st.rerun()


def _steer(action: str) -> None:
    state.forget_complaints()
    run_id = st.session_state["run"]
    attempt(lambda: getattr(access.manager_for(run_id), action)(run_id))
    if action == "resume_from_checkpoint" and not st.session_state["complaints"]:
        attempt(lambda: access.claim(run_id))


def _step() -> None:
    state.forget_complaints()
    run_id, level = st.session_state["run"], st.session_state["step"]
    attempt(lambda: access.manager_for(run_id).step(run_id, level))


# The opened run --------------------------------------------------------------------------------


def _run(snapshot: Snapshot, start: int | None, *, is_polled: bool) -> None:
    """The choice of a view, then all that is shown of the run, again and again while it trains."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        view = _view(snapshot.config.data.dataset)
        choices.widgets(view, snapshot)
    live = st.fragment(_live, run_every=POLL_S if is_polled else None, key="live")
    live(snapshot.run_id, snapshot.state, view, start)


def _view(dataset: str) -> str:
    """The choice of a view, and of groups or classes where these are too many for a ridge each."""
    view = st.segmented_control(
        "View", list(views.VIEWS), key="view", required=True, label_visibility="collapsed"
    )
    if views.has_many_classes(dataset):
        st.session_state.setdefault("weights_by", "groups")
        st.segmented_control(
            "Weights by",
            ["groups", "classes"],
            format_func="by {}".format,
            key="weights_by",
            required=True,
            label_visibility="collapsed",
        )
    return view or views.FIRST_VIEW


def _live(run_id: str, drawn_state: str, view: str, start: int | None) -> None:
    """Everything that changes while the run trains; a full rerun where the buttons must change."""
    try:
        snapshot = state.manager().snapshot(run_id)
    except UnknownRun:  # deleted meanwhile
        st.rerun()
    if snapshot.state != drawn_state:
        st.rerun()
    _headline(snapshot)
    done, planned = len(snapshot.epochs), snapshot.config.training.epochs
    choice = timeline(
        key=f"timeline {run_id} {st.session_state['visit']}",
        planned=planned,
        done=done,
        is_live=not snapshot.has_ended,
        start=start,
    )
    state.write_link(epoch=choice.settled, view="" if view == views.FIRST_VIEW else view)
    by_class = (
        not views.has_many_classes(snapshot.config.data.dataset)
        or st.session_state.get("weights_by") == "classes"
    )
    views.show(view, snapshot, choice.epoch or done, by_class=by_class)


def _headline(snapshot: Snapshot) -> None:
    name, words = status.headline(snapshot)
    with st.container(key="headline", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**:{status.colour_of(snapshot)}-badge[{name}] {words}**", width="content")
        st.caption(status.summary(snapshot), width="content", wrap=False)
    with st.container(key="reasons"):
        if snapshot.reason and snapshot.state in {"failed", "interrupted"}:
            show = st.error if snapshot.state == "failed" else st.warning
            show(snapshot.reason)
        for warning in snapshot.epochs[-1].warnings if snapshot.epochs else ():
            st.warning(warning)
