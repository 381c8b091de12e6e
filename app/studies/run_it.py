"""Run, Pause, how long a study takes here, and how far it is."""

from __future__ import annotations

import atexit
from functools import partial
from typing import NamedTuple

import streamlit as st

from app.server.owner import is_owner
from app.server.start import at_end
from app.shared import engine
from app.shared.engine import attempt
from app.shared.estimate import show_estimate
from app.shared.long_start import confirm_long_start, start_or_ask
from app.shared.markdown import plain
from app.shared.session import session
from app.studies.runner import Runner, Task
from bikd_core.config import ConfigError
from bikd_core.studies import PlannedRun, read_seeds, seconds_to_go
from bikd_core.studies.questions import study_named
from bikd_core.studies.results import Results, Run
from bikd_core.studies.seeds import write_seeds
from bikd_core.studies.study import Grid, Study, grid_of

_NOT_OWNER = (
    "Only the owner of the server can run a study, in a browser that has opened the link which the "
    "server printed."
)


@st.cache_resource(show_spinner=False)
def runner() -> Runner:
    """Return the one runner of this server."""
    runner = Runner(engine.manager().places)
    atexit.register(runner.shut_down)
    at_end(runner.shut_down)
    return runner


def run_it(study: Study, dataset: str, own: Results | None, *, is_running: bool) -> None:
    """Draw the seeds, Run and Pause, and how long what is left takes.

    Args:
        study: The study.
        dataset: Its data.
        own: What was trained here so far.
        is_running: Whether it is this study on these data that runs now.
    """
    st.markdown("### Run it here")
    seeds = st.text_input(
        "Seeds",
        write_seeds(study.design(dataset).seeds),
        key=f"seeds {study.name} {dataset}",
        disabled=is_running,
        help="Whole numbers, separated by commas, or a range as 0-9. Each has a split and a "
        "teacher of its own.",
    )
    try:
        plan = _plan(study.name, dataset, read_seeds(seeds))
    except ConfigError as error:
        st.error(plain(str(error)))
        return
    _buttons(plan.grid, seeds, plan.left(own), is_running=is_running)
    other = runner().task
    if other is not None and not is_running:
        st.info(plain(f"The study {other.study} on {other.dataset} runs now."))
    elif failure := runner().failure_of(study.name, dataset):
        st.error(plain(failure), icon=":material/error:")
    confirm_long_start(
        "Start such a long study?",
        "It can be paused at any time, and goes on later: no finished run is repeated.",
    )


class _Plan(NamedTuple):
    """A study's grid, and each of its runs by cell and seed."""

    grid: Grid
    runs: dict[Run, PlannedRun]

    def left(self, own: Results | None) -> list[PlannedRun]:
        """Return the runs that have not been trained here."""
        found = own.found if own is not None and own.grid.base == self.grid.base else {}
        return [planned for run, planned in self.runs.items() if run not in found]


@st.cache_resource(max_entries=20, show_spinner=False)
def _plan(name: str, dataset: str, seeds: tuple[int, ...]) -> _Plan:
    """Return the plan of a study; the configs of 1,440 runs take a second or more to make.

    Raises:
        ConfigError: The study cannot have these seeds.
    """
    grid = grid_of(study_named(name), seeds, {"dataset": dataset})
    runs = {
        (cell.written, seed): PlannedRun(cell.entry, seed, config, None)
        for cell, seed, config in grid.runs()
    }
    return _Plan(grid, runs)


def progress(own: Results | None) -> None:
    """Draw how far the study is that runs, in its own words."""
    task = runner().task
    if task is None:
        return
    seeds = read_seeds(task.seeds)
    done = 0 if own is None else sum(seed in seeds for _, seed in own.found)
    total = 0 if own is None else len(own.grid.cells) * len(seeds)
    st.progress(min(1.0, done / total) if total else 0.0, plain(runner().said or "starting"))


def _buttons(grid: Grid, seeds: str, left: list[PlannedRun], *, is_running: bool) -> None:
    total = len(grid.cells) * len(grid.seeds)
    label = f"Go on: {len(left):,} runs left" if len(left) < total else f"Run it: {total:,} runs"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            label,
            key="run_study",
            type="primary",
            icon=":material/play_arrow:",
            disabled=not is_owner() or not left or runner().task is not None,
            on_click=_start,
            args=(grid, seeds, left),
            help=None if is_owner() else _NOT_OWNER,
        )
        st.button(
            "Pause",
            key="pause_study",
            icon=":material/pause:",
            disabled=not is_running or not is_owner(),
            on_click=runner().pause,
            help="What has finished is kept; Run goes on.",
        )
        if left and not is_running:
            estimate = session().study_estimate
            estimate.set_subject(tuple(run.config for run in left))
            ask = partial(seconds_to_go, left, engine.manager())
            show_estimate(estimate, ask, is_idle=engine.manager().is_idle(), key="study_estimate")


def _start(grid: Grid, seeds: str, left: list[PlannedRun]) -> None:
    """Start the study, or ask first if it is going to take long."""
    session().forget_complaints()
    if attempt(lambda: _check(grid)):
        seconds = attempt(partial(seconds_to_go, left, engine.manager()))
        task = Task(grid.study.name, grid.dataset, seeds)
        start_or_ask(seconds, lambda: attempt(lambda: runner().start(task)))


def _check(grid: Grid) -> bool:
    """Return True; an impossible cell raises `ConfigError` before anything is trained."""
    grid.check()
    return True
