"""The Lab: set a run up, start and steer it, watch it live, go back in time."""

from __future__ import annotations

from typing import Literal

import streamlit as st
from pydantic import Field

from app.components import page_is_hidden, timeline
from app.lab import pair, runs_list, views
from app.lab.headline import headline, pair_headline
from app.lab.this_run import this_run
from app.lab.tuning import tuning
from app.lab.views import VIEWS, Moment, View
from app.navigation import links
from app.shared import access, audience, controls, state, status, url
from app.shared.link import Link
from app.shared.session import session
from app.shared.state import attempt
from bikd_core.config import ConfigError, RunConfig
from bikd_core.runs import Snapshot, UnknownRun
from bikd_core.teachers.card import list_teachers

ASK_ABOVE_S = 30 * 60  # a run that is estimated to take longer is confirmed first


def page() -> None:
    """The whole page, from top to bottom."""
    if state.open_session() or not session().view_links:  # the session began on another page
        _take_linked_views(dict(st.query_params))
    snapshot = _opened_run()
    if snapshot is not None:
        for complaint in views.fit_links(snapshot):
            state.complain(complaint)
    second = pair.second_run(snapshot)
    start = _linked_epoch(snapshot)
    with st.sidebar:
        links()
        teachers = dict(list_teachers(state.manager().places.teacher_folders()))
        is_idle = snapshot is None or snapshot.has_ended
        config = controls.sidebar(teachers, is_idle=is_idle)
    access.exchange_keys()
    _buttons(config, snapshot, second)
    with st.container(key="complaints"):  # always there: what comes after it keeps its place
        for complaint in st.session_state["complaints"]:
            st.warning(complaint)
    is_hidden = page_is_hidden()
    if snapshot is None:
        state.write_link(epoch=None, view="", drawn_by={})
        runs_list.welcome()
        return
    runs = (snapshot,) if second is None else (snapshot, second)
    is_polled = not is_hidden and not all(run.has_ended for run in runs)
    # Of its own, so that another view costs neither the side bar nor the buttons.
    st.fragment(_run, key="run")(runs, start, is_polled=is_polled)


# What the link names ---------------------------------------------------------------------------


def _opened_run() -> Snapshot | None:
    """The run that is open; a sentence if there is no such run."""
    run_id: str = st.session_state["run"]
    if not run_id:
        return None
    snapshot = attempt(lambda: state.snapshot_of("run", run_id))
    if snapshot is None:
        st.session_state["run"] = ""
    elif not st.session_state.pop("has_linked_controls", True):
        state.take_controls_of(snapshot.config)  # a bare link to a run shows what the run was
    return snapshot


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


class _Grouping(Link):
    """How the views draw many classes."""

    by: Literal["groups", "classes"] = Field("groups", description="groups or classes")


def _take_linked_views(parameters: dict[str, str]) -> None:
    """Take which view an address names, how classes are drawn in it, and what it says of each."""
    grouping, complaints = _Grouping.read(parameters)
    session().by = grouping.by
    complaints += views.take_links(parameters)
    names = [view.name for view in VIEWS]
    name = parameters.get("view", names[0])
    if name not in names:
        complaints.append(
            f"view = {name[:40]!r} is not possible: it must be one of {', '.join(names)}. "
            f"{names[0]} is shown."
        )
    session().view = name if name in names else names[0]
    for complaint in complaints:
        state.complain(complaint)


# Buttons ---------------------------------------------------------------------------------------


def _buttons(config: RunConfig | None, snapshot: Snapshot | None, second: Snapshot | None) -> None:
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
            tuning(snapshot, refusal)
            pair.compare(snapshot, second)
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
        st.session_state["with"] = st.session_state.pop("cloned", "")
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


def _run(runs: tuple[Snapshot, ...], start: int | None, *, is_polled: bool) -> None:
    """The choice of a view, then all that is shown of the run, again and again while it trains."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _choose_view(runs[0].config.data.dataset)
        view = views.open_view()
        view.widgets(runs[0])
        st.html(f'<h2 class="unseen">{view.question}</h2>')  # for screen readers
    kd = None if len(runs) > 1 else pair.run_of(runs[0], "kd")
    poll_s = audience.poll_s(runs[0].run_id) if is_polled else None
    live = st.fragment(_live, run_every=poll_s, key="live")
    live(tuple((run.run_id, run.state) for run in runs), view, start, kd, poll_s)


def _choose_view(dataset: str) -> None:
    """The bar of the views; and groups or classes, where these are too many for a row each."""
    views.show_value("view", views.open_view().name)
    st.segmented_control(
        "View",
        [view.name for view in VIEWS],
        key="view",
        required=True,
        label_visibility="collapsed",
        persist_state="session",
        on_change=_take_choice,
    )
    if views.has_many_classes(dataset):
        views.show_value("weights_by", session().by)
        st.segmented_control(
            "Weights by",
            ["groups", "classes"],
            format_func="by {}".format,
            key="weights_by",
            required=True,
            label_visibility="collapsed",
            persist_state="session",
            on_change=_take_choice,
        )


def _take_choice() -> None:
    session().view = st.session_state["view"]
    session().by = st.session_state.get("weights_by", session().by)


def _live(
    drawn: tuple[tuple[str, str], ...],
    view: View,
    start: int | None,
    kd: Snapshot | None,
    poll_s: float | None,
) -> None:
    """Everything that changes while a run trains; a full rerun where the buttons must change.

    Args:
        drawn: Id and state of the opened run, and of the one beside it, as the buttons show it.
        view: The view that is open.
        start: The epoch that the link names.
        kd: The run that the opened one's accuracy is compared with.
        poll_s: How often this is drawn; None: once.
    """
    if poll_s is not None and poll_s != audience.poll_s(drawn[0][0]):
        st.rerun()  # an interval cannot be changed from here
    try:
        runs = tuple(state.manager().snapshot(run_id) for run_id, _ in drawn)
    except UnknownRun:  # deleted meanwhile
        st.rerun()
    if any(run.state != state_then for run, (_, state_then) in zip(runs, drawn, strict=True)):
        st.rerun()
    headlines = st.container(key="headlines")  # filled when the epoch is known
    choice = timeline(
        key=f"timeline {runs[0].run_id} {session().visit}",
        planned=max(run.config.training.epochs for run in runs),
        done=max(len(run.epochs) for run in runs),
        is_live=not all(run.has_ended for run in runs),
        start=start,
    )
    state.write_link(
        epoch=choice.settled,
        view="" if view is VIEWS[0] else view.name,
        drawn_by=_Grouping(by=session().by).write() | views.written_links(runs[0].run_id),
    )
    epochs = [min(choice.epoch or len(run.epochs), len(run.epochs)) for run in runs]
    with headlines:
        if len(runs) == 1:
            headline(runs[0], epochs[0], pair.gain_over_kd(runs[0], kd, epochs[0]))
        else:
            pair_headline((runs[0], runs[1]), (epochs[0], epochs[1]))
    by_class = not views.has_many_classes(runs[0].config.data.dataset) or session().by == "classes"
    link = session().view_links.get(view.name)
    moments = [Moment(run, epoch, by_class, link) for run, epoch in zip(runs, epochs, strict=True)]
    if len(moments) == 1:
        view.show(moments[0])
    else:
        view.show_pair(*moments)
