"""A comparison's runs as one queue: how long it takes, starting what is missing, stopping it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial

import streamlit as st

from app.compare.question import title_of
from app.lab.page import ASK_ABOVE_S
from app.shared import access, state, status
from app.shared.state import attempt
from bikd_core.config import RunConfig
from bikd_core.runs import Snapshot
from bikd_core.studies import Comparison, PlannedRun, queue_missing, seconds_to_go

ASK_EVERY_S = 2.0
MAX_ASKED = 60  # times; then the page says that there is no estimate, and asks no more
_STARTING = threading.Lock()  # two browsers that start the same comparison start it once


def buttons(comparison: Comparison | None, places: Sequence[PlannedRun]) -> None:
    """Start and Stop, and what is to be known before."""
    missing = [place for place in places if place.is_missing]
    active = [place for place in places if place.is_active]
    refusal = _refusal(active)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            _start_label(comparison, missing),
            key="start",
            type="primary",
            icon=":material/play_arrow:",
            disabled=not missing,
            on_click=_start,
            args=(comparison, places),
            help="Trains what is missing: a run that is there already is not trained again.",
        )
        st.button(
            "Stop",
            key="stop",
            icon=":material/stop:",
            disabled=bool(refusal) or not active,
            on_click=_stop,
            args=(active,),
            help=refusal or "Ends the runs of this comparison; Start goes on with them later.",
        )
        if comparison is not None and missing:
            _estimate(places, is_idle=not active)
    if waiting := st.session_state.pop("comparison_to_confirm", None):
        _confirm(*waiting)


def _start_label(comparison: Comparison | None, missing: Sequence[PlannedRun]) -> str:
    if comparison is None or missing:
        return f"Start {len(missing)} run{'s' * (len(missing) != 1)}" if missing else "Start"
    return "Nothing is missing"


def _refusal(active: Sequence[PlannedRun]) -> str:
    """Why this browser may stop none of the runs; "" if it may stop one."""
    refusals = [access.refusal(place.run.folder) for place in active if place.run]
    return refusals[0] if refusals and all(refusals) else ""


# How long --------------------------------------------------------------------------------------


def _estimate(places: Sequence[PlannedRun], *, is_idle: bool) -> None:
    """Draw the estimate; while there is none yet and nothing trains, ask again by itself."""
    asked = tuple(place.config for place in places if not place.is_done)
    if st.session_state.get("estimated_comparison") != asked:
        st.session_state["estimated_comparison"] = asked
        st.session_state["comparison_seconds"] = None
        st.session_state["comparison_times_asked"] = 0
    waits = (
        is_idle
        and st.session_state["comparison_seconds"] is None
        and st.session_state["comparison_times_asked"] < MAX_ASKED
    )
    draw = st.fragment(_draw, run_every=ASK_EVERY_S if waits else None, key="comparison_estimate")
    draw(places, waits)


def _draw(places: Sequence[PlannedRun], waits: bool) -> None:
    """The first call only promises: the page is to be painted before steps are timed."""
    times = st.session_state["comparison_times_asked"] = (
        st.session_state["comparison_times_asked"] + 1
    )
    seconds = st.session_state["comparison_seconds"]
    if seconds is None and (times > 1 or not waits):
        seconds = attempt(lambda: _seconds(places))
        st.session_state["comparison_seconds"] = seconds
    if waits and (seconds is not None or times >= MAX_ASKED):
        st.rerun()  # without the timer
    if seconds is not None:
        words = estimated()
        st.caption(f"{words[0].upper()}{words[1:]}.", width="content")
    elif waits:
        st.caption("Estimating the time of training …", width="content")
    else:
        st.caption("No estimate now: not all of these have been timed here.", width="content")


def _seconds(places: Sequence[PlannedRun]) -> float | None:
    """To go, as Start sees it: what only somebody else can resume is trained from its start."""
    as_started = [
        place._replace(run=None)
        if place.is_missing and place.run is not None and access.refusal(place.run.folder)
        else place
        for place in places
    ]
    return seconds_to_go(as_started, state.manager())


def estimated() -> str:
    """How long the comparison that is chosen will train, in words; "" while nobody knows."""
    seconds = st.session_state.get("comparison_seconds")
    return (
        "" if seconds is None else f"about {status.duration(seconds)} of training on this machine"
    )


# Starting and stopping -------------------------------------------------------------------------


def _start(comparison: Comparison, places: Sequence[PlannedRun]) -> None:
    """Start, or ask first if it is going to take long."""
    state.forget_complaints()
    seconds = attempt(lambda: _seconds(places))
    if seconds is not None and seconds > ASK_ABOVE_S:
        st.session_state["comparison_to_confirm"] = (comparison, seconds)
    else:
        start_now(comparison)


def start_now(comparison: Comparison) -> None:
    """Queue what is missing; the runs are this browser's to steer.

    What ended early and is somebody else's to resume stays as it is: a run of one's own begins.
    """
    left: list[str] = []

    def claim(_config: RunConfig, run_id: str) -> None:
        attempt(lambda: access.claim(run_id))

    def may_resume(run: Snapshot) -> bool:
        is_mine = not access.refusal(run.folder)
        if not is_mine:
            asked = run.config
            left.append(f"{title_of(asked.method.method)}, seed {asked.training.seed}")
        return is_mine

    with _STARTING:
        attempt(lambda: queue_missing(comparison.configs(), state.manager(), claim, may_resume))
    if left:
        state.complain(
            f"Not resumed, because somebody else controls it: {'; '.join(dict.fromkeys(left))}. It "
            "stays as it is, and a run of yours begins in its place. Only the browser that started "
            "a run, or one that has opened its control link, can resume it."
        )


@st.dialog("Start such a long comparison?")
def _confirm(comparison: Comparison, seconds: float) -> None:
    st.write(f"It is estimated to train for {status.duration(seconds)} on this machine.")
    st.write("It can be stopped at any time, and goes on later: no finished run is repeated.")
    with st.container(horizontal=True):
        is_started = st.button(
            "Start it", key="confirm_start", type="primary", on_click=start_now, args=(comparison,)
        )
        if is_started or st.button("Not now", key="confirm_not"):
            st.rerun()


def _stop(active: Sequence[PlannedRun]) -> None:
    """The waiting ones first, or each would begin when the one before it has ended."""
    state.forget_complaints()
    runs = [place.run for place in active if place.run is not None]
    for run in sorted(runs, key=lambda run: run.state != "queued"):
        attempt(partial(_stop_one, run.run_id))


def _stop_one(run_id: str) -> None:
    access.manager_for(run_id).stop(run_id)


# Progress --------------------------------------------------------------------------------------


def progress(places: Sequence[PlannedRun]) -> None:
    """How many are done, and which one trains now; what failed, by name and reason."""
    done = sum(place.is_done for place in places)
    words = [f"{done} of {len(places)} runs"]
    training = next((p for p in places if p.is_active and p.run and p.run.state != "queued"), None)
    share = done / len(places)
    if training is not None and training.run is not None:
        words.append(_now(training, training.run))
        share += len(training.run.epochs) / training.config.training.epochs / len(places)
    elif any(place.is_active for place in places):
        words.append("waiting for the runs before them")
    st.progress(min(1.0, share), text=" · ".join(words))
    for place in places:
        if place.run is not None and place.run.state == "failed":
            st.error(
                f"{title_of(place.method)}, seed {place.seed}, failed and does not count: "
                f"{place.run.reason}"
            )


def _now(place: PlannedRun, run: Snapshot) -> str:
    state_now, words = status.headline(run)
    return f"{title_of(place.method)}, seed {place.seed}: {state_now} {words}"
