"""A comparison's runs as one queue: how long it takes, start what is missing, stop it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial

import streamlit as st

from app.compare.question import title_of
from app.shared import access, engine, status
from app.shared.engine import attempt
from app.shared.estimate import MAX_ASKED, show_estimate
from app.shared.long_start import confirm_long_start, start_or_ask
from app.shared.markdown import plain
from app.shared.session import session
from bikd_core.config import RunConfig
from bikd_core.config import title_of as method_title
from bikd_core.runs import Snapshot
from bikd_core.studies import Comparison, PlannedRun, each_once, queue_missing, seconds_to_go

_STARTING = threading.Lock()  # two browsers that start the same comparison start it once


def buttons(comparison: Comparison | None, planned: Sequence[PlannedRun]) -> None:
    """Draw Start and Stop, and how long it will take."""
    planned = each_once(planned)
    missing = [each for each in planned if each.is_missing]
    active = [each for each in planned if each.is_active]
    refusal = _refusal(active)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            _start_label(comparison, missing),
            key="start",
            type="primary",
            icon=":material/play_arrow:",
            disabled=not missing,
            on_click=_start,
            args=(comparison, planned),
            help="Trains the missing runs; existing runs are not trained again.",
        )
        st.button(
            "Stop",
            key="stop",
            icon=":material/stop:",
            disabled=bool(refusal) or not active,
            on_click=_stop,
            args=(active,),
            help=plain(refusal)
            or "Ends the runs of this comparison; Start goes on with them later.",
        )
        if comparison is not None and missing:
            _estimate(planned, is_idle=not active)
    confirm_long_start(
        "Start such a long comparison?",
        "It can be stopped at any time, and goes on later: no finished run is repeated.",
    )


def _start_label(comparison: Comparison | None, missing: Sequence[PlannedRun]) -> str:
    if comparison is None or missing:
        return f"Start {len(missing)} run{'s' * (len(missing) != 1)}" if missing else "Start"
    return "Nothing is missing"


def _refusal(active: Sequence[PlannedRun]) -> str:
    """Return why this browser may stop none of the runs; "" if it may stop one."""
    refusals = [access.refusal(each.run.folder) for each in active if each.run]
    return refusals[0] if refusals and all(refusals) else ""


# How long --------------------------------------------------------------------------------------


def _estimate(planned: Sequence[PlannedRun], *, is_idle: bool) -> None:
    estimate = session().comparison_estimate
    estimate.set_subject(tuple(each.config for each in planned if not each.is_done))

    def ask() -> float | None:
        return _seconds(planned) if estimate.seconds is None else estimate.seconds

    show_estimate(
        estimate, ask, is_idle=is_idle, key="comparison_estimate", max_asked=2 * MAX_ASKED
    )


def _seconds(planned: Sequence[PlannedRun]) -> float | None:
    """Return how long Start would train; runs that only others may resume begin anew."""
    as_started = [
        each._replace(run=None)
        if each.is_missing and each.run is not None and access.refusal(each.run.folder)
        else each
        for each in planned
    ]
    return seconds_to_go(as_started, engine.manager())


def time_in_words() -> str:
    """Return how long the chosen comparison will train; "" while that is unknown."""
    seconds = session().comparison_estimate.seconds
    return (
        "" if seconds is None else f"about {status.duration(seconds)} of training on this machine"
    )


# Starting and stopping -------------------------------------------------------------------------


def _start(comparison: Comparison, planned: Sequence[PlannedRun]) -> None:
    """Start what is missing, or ask first if it is going to take long."""
    session().forget_complaints()
    seconds = attempt(lambda: _seconds(planned))
    start_or_ask(seconds, partial(start_now, comparison))


def start_now(comparison: Comparison) -> None:
    """Queue the missing runs, which then belong to this browser.

    A run that ended early and belongs to somebody else stays as it is: another one begins.
    """
    not_resumed: dict[str, None] = {}  # each once

    def claim(_config: RunConfig, run_id: str) -> None:
        attempt(lambda: access.claim(run_id))

    def may_resume(run: Snapshot) -> bool:
        is_mine = not access.refusal(run.folder)
        if not is_mine:
            seed = run.config.training.seed
            not_resumed[f"{method_title(run.config.method)}, seed {seed}"] = None
        return is_mine

    with _STARTING:
        attempt(
            lambda: queue_missing(
                comparison.configs(), engine.manager(), claim, may_resume, comparison.calibrated
            )
        )
    if not_resumed:
        session().complain(
            f"Not resumed, because somebody else controls it: {'; '.join(not_resumed)}. It "
            "stays as it is, and a run of yours begins in its place. Only the browser that started "
            "a run, or one that has opened its control link, can resume it."
        )


def _stop(active: Sequence[PlannedRun]) -> None:
    """Stop the waiting runs first, or each would begin when the one before it has ended."""
    session().forget_complaints()
    runs = [each.run for each in active if each.run is not None]
    for run in sorted(runs, key=lambda run: run.state != "queued"):
        attempt(partial(_stop_one, run.run_id))


def _stop_one(run_id: str) -> None:
    access.manager_for(run_id).stop(run_id)


# Progress --------------------------------------------------------------------------------------


def progress(planned: Sequence[PlannedRun]) -> None:
    """Draw how many runs are done, which one trains now, and what failed for which reason."""
    planned = each_once(planned)
    done = sum(each.is_done for each in planned)
    words = [f"{done} of {len(planned)} runs"]
    training = next((p for p in planned if p.is_active and p.run and p.run.state != "queued"), None)
    share = done / len(planned)
    if training is not None and training.run is not None:
        beside = [
            p for p in planned if p.is_active and p.run and p.run.run_id in training.run.together
        ]
        shared = beside or [training]
        words.append(_progress_of(shared, training.run))
        done_epochs = sum(len(p.run.epochs) for p in shared if p.run)
        share += done_epochs / training.config.training.epochs / len(planned)
    elif any(each.is_active for each in planned):
        words.append("waiting for the runs before them")
    st.progress(min(1.0, share), text=" · ".join(words))
    for each in planned:
        if each.run is not None and each.run.state == "failed":
            st.error(
                f"{title_of(each.method)}, seed {each.seed}, failed and does not count: "
                f"{plain(each.run.reason)}"
            )


def _progress_of(shared: Sequence[PlannedRun], run: Snapshot) -> str:
    """Return how far a run is, in words; `shared` are it and those that share its steps."""
    name, words = status.headline(run)
    seeds = ", ".join(str(each.seed) for each in shared)
    return f"{title_of(shared[0].method)}, seed{'s' * (len(shared) > 1)} {seeds}: {name} {words}"
