"""`bikd study`: the questions that the reviewers asked, answered here or on a Ray cluster."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from bikd_core.cli.controls import Data, Models, Training
from bikd_core.cli.opening import allow_typed, with_opened
from bikd_core.cli.paths import expanded
from bikd_core.cli.shared import FAILED, FINISHED, STOPPED, AsJson, DataDir, places_at
from bikd_core.config import DataConfig, ModelConfig, TrainingConfig
from bikd_core.data.sources import facts_of, source_of
from bikd_core.places import Places
from bikd_core.studies.executors import Executor, LocalExecutor
from bikd_core.studies.executors.keep import train_and_keep
from bikd_core.studies.executors.work import train_group
from bikd_core.studies.questions import NAMES, study_named
from bikd_core.studies.results import RECORDED, Results, path_of, read_results
from bikd_core.studies.running import Progress, Running
from bikd_core.studies.seeds import read_seeds
from bikd_core.studies.study import grid_of
from bikd_core.studies.tables import check_format, table, write

_TOLD_EVERY_S = 2.0

app = App(name="study", help="Answer the questions that reviewers of the method asked.")

Name = Annotated[str, Parameter(help=f"The study: {', '.join(NAMES)}.")]
Out = Annotated[
    Path | None,
    Parameter(
        converter=expanded,
        help="Folder that holds, or receives, the results; else 'studies' in BIKD_HOME.",
    ),
]


@dataclass(frozen=True)
class Controls:
    """The controls of a study's runs that the study leaves open."""

    data: Data = field(default_factory=DataConfig)
    models: Models = field(default_factory=ModelConfig)
    training: Training = field(default_factory=TrainingConfig)

    @property
    def given(self) -> dict[str, Any]:
        """The controls that were given as options."""
        parts = (self.data, self.models, self.training)
        return {name: getattr(part, name) for part in parts for name in part.model_fields_set}


@dataclass(frozen=True)
class RunOptions:
    """How a study is run."""

    seeds: Annotated[str, Parameter(help="Such as 0-9; else those that are recorded.")] = ""
    jobs: Annotated[
        int | None, Parameter(help="Processes; else what cores and free memory allow.")
    ] = None
    ray: Annotated[
        str,
        Parameter(
            help="A Ray cluster: HOST:PORT, ray://HOST:PORT, auto for the one that this machine "
            "belongs to, or local to start one here."
        ),
    ] = ""
    cpus: Annotated[float, Parameter(help="CPUs of a run on the cluster.")] = 1.0
    gpus: Annotated[
        float, Parameter(help="GPUs of a run on the cluster; 0.25 lets four share one.")
    ] = 0.0
    out: Out = None
    keep_runs: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="Keep each run in the store, too, so that the Lab opens it: 0.1 to 1 MB each.",
        ),
    ] = False
    refill: Annotated[
        Path | None,
        Parameter(
            converter=expanded,
            help="A file of the runs of `bikd bench answer`: what it holds is not trained again.",
        ),
    ] = None


@app.command(name="list")
def list_studies(*, as_json: AsJson = False) -> None:
    """List the studies: what each asks, and on which data sets it is recorded."""
    studies = [study_named(name) for name in NAMES]
    recorded = {
        study.name: [name for name in study.designs if path_of(RECORDED, study, name).exists()]
        for study in studies
    }
    if as_json:
        data = [
            {
                "name": study.name,
                "title": study.title,
                "question": study.question,
                "why": study.why,
                "datasets": [*study.designs],
                "recorded": recorded[study.name],
            }
            for study in studies
        ]
        print(json.dumps(data))
        return
    shown = Table("name", "question", "recorded on")
    for study in studies:
        shown.add_row(study.name, study.question, ", ".join(recorded[study.name]) or "–")
    Console().print(shown)


@app.command
def run(
    name: Name,
    /,
    *,
    options: Annotated[RunOptions, Parameter(name="*", group="Study")] = RunOptions(),
    controls: Annotated[Controls, Parameter(name="*")] = Controls(),
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> int:
    """Train what a study lacks, and print its answer.

    It may be interrupted at any time: what has ended is kept, and the same command goes on. Options
    for data, models and training replace those of the recorded study.
    """
    places = places_at(None, data_dir)
    given = replace(controls, data=with_opened(controls.data, places.data)).given
    allow_typed(given)
    seeds = read_seeds(options.seeds) if options.seeds else ()
    grid = grid_of(study_named(name), seeds, given)
    running = Running(grid, options.out or places.studies, places)
    if options.refill is not None:
        from bikd_core.answer.reuse import results_for

        running.refill(results_for(grid, options.refill))
    code = FINISHED
    try:
        with signals_interrupt():
            fetch(grid.dataset, places)
            if running.missing():
                with _executor(options, places) as executor:
                    _tell(_announcement(running, executor))
                    work = train_and_keep if options.keep_runs else train_group
                    running.run(executor, _Reporter(), work=work)
    except KeyboardInterrupt:
        code = STOPPED
        _tell("Stopped. What has ended is kept; the same command goes on.")
    results = running.results
    _print(results, as_json=as_json)
    _tell(f"Results: {running.ledger.path}")
    return code or (FINISHED if results.is_complete else FAILED)


@app.command
def show(
    name: Name,
    /,
    *,
    dataset: Annotated[str, Parameter(help="The data set.")] = "digits",
    out: Out = None,
    export: Annotated[
        Path | None,
        Parameter(
            converter=expanded,
            help="File to write to: .csv or .parquet, the raw table; .tex; or .json, all of it.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the answer of a study: that of `bikd study run` here, or else the recorded one."""
    study = study_named(name)
    facts_of(dataset)
    if export is not None:
        check_format(export)
    own, given = Places.from_environment().studies, out
    folder = given or next(
        (f for f in (own, RECORDED) if path_of(f, study, dataset).exists()), RECORDED
    )
    path = path_of(folder, study, dataset)
    results = read_results(path, study)
    _tell(f"Results: {path}")
    if export is not None:
        write(results, export)
    _print(results, as_json=as_json)


def _print(results: Results, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(results.as_data()))
        return
    study = results.grid.study
    head, *rows = table(results)
    shown = Table(title=f"{study.title} ({results.grid.dataset})")
    for column in head:
        shown.add_column(column, justify="right" if column else "left")
    for row in rows:
        shown.add_row(*row)
    console = Console(highlight=False)
    console.print(shown)
    console.print(f"{study.question}\n{results.verdict()}\n", markup=False)
    if results.found:
        console.print(f"To cite this: {results.cite()}", markup=False)


@contextmanager
def _executor(options: RunOptions, places: Places) -> Iterator[Executor]:
    if not options.ray:
        yield LocalExecutor(places, options.jobs)
        return
    from bikd_core.studies.executors.cluster import RayExecutor

    with RayExecutor(places, options.ray, cpus=options.cpus, gpus=options.gpus) as executor:
        yield executor


def fetch(dataset: str, places: Places) -> None:
    """Download the data set if it is missing, before anything is trained."""
    if facts_of(dataset).download_mb:
        source_of(dataset).load(places.data)


def _announcement(running: Running, executor: Executor) -> str:
    """Return how much there is to do, and how long it takes at most."""
    number = sum(map(len, running.missing()))
    seconds = running.estimate(executor)
    runs = f"{number:,} runs of {len(running.runs_of):,}"
    where = f"{executor.slots} at a time"
    if seconds is None:
        return f"To train: {runs}, {where}. How long that takes could not be measured."
    return f"To train: {runs}, {where}: at most {_duration(seconds)} by a few timed steps."


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class _Reporter:
    """Writes progress to standard error, a line every few seconds."""

    def __init__(self) -> None:
        self._told, self._began = 0.0, (0.0, 0)

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.done == 0 or not self._began[0]:
            self._began = now, progress.done
        is_last = progress.done == progress.of
        if now - self._told < _TOLD_EVERY_S and not is_last:
            return
        self._told = now
        began, before = self._began
        left = ""
        if progress.done > before and not is_last:
            pace = (now - began) / (progress.done - before)
            left = f", about {_duration(pace * (progress.of - progress.done))} left"
        failed = f", {progress.failed:,} failed" if progress.failed else ""
        _tell(f"{progress.done:,} of {progress.of:,} {progress.what}{failed}{left}")


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does; what is ignored stays ignored."""
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in names}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
