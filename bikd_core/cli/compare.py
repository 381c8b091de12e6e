"""`bikd compare`: methods × seeds under one protocol, and who wins for whom."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bikd_core.config import METHOD_FACTS, ConfigError, RunConfig
from bikd_core.places import Places
from bikd_core.runs import RunManager
from bikd_core.studies import (
    Comparison,
    Report,
    queue_missing,
    read_faults,
    read_seeds,
    split_entries,
    under_way,
)
from bikd_core.studies.export import AsData, check_ending, export, notes, table
from bikd_core.studies.report import as_data, protocol_sentences, report_of

POLL_S = 0.5
_WIDTH = 160  # characters


League = Annotated[
    str,
    Parameter(
        help="1: D_val is not trained on. 2: it is, as --train-on-val says, else as a batch of "
        "equal weight. both: one after the other. Else --train-on-val decides."
    ),
]
Jobs = Annotated[int, Parameter(help="Runs that train at one time; each has a share of the cores.")]


@dataclass(frozen=True)
class Question:
    """What is compared, and what counts."""

    methods: Annotated[
        str,
        Parameter(
            help="Separated by commas; one with options of its own as bikd:prior=both,warm_up=5."
        ),
    ] = "ce,kd,bikd"
    seeds: Annotated[
        str, Parameter(help="Whole numbers, separated by commas, or a range as 0-9.")
    ] = "0,1,2"
    reference: Annotated[
        str, Parameter(help="The entry that leads are over; else kd or the first.")
    ] = ""
    epoch: Annotated[
        str,
        Parameter(
            help="Which epoch counts: last; val: lowest D_val loss; test: best on the test set, "
            "a fault of the published comparison."
        ),
    ] = "last"
    league: League = ""
    fairness: Annotated[
        str,
        Parameter(
            name="--protocol",
            help="fair, or as_published: with every fault of the published comparison.",
        ),
    ] = "fair"
    faults: Annotated[
        str,
        Parameter(
            help="Single faults, separated by commas: teacher_batch_statistics, drop_window, "
            "test_chosen_epoch, unequal_recipes."
        ),
    ] = ""
    jobs: Jobs = 1
    export: Annotated[
        Path | None, Parameter(help="A file for the answer: .csv, .parquet, .md, .tex or .json.")
    ] = None


Asked = Annotated[Question, Parameter(name="*", group="Comparison")]


def compare(base: RunConfig, places: Places, question: Question, *, as_json: bool) -> bool:
    """Run what is missing, then print the answer; returns whether every run finished.

    Raises:
        ConfigError: Something that is asked for is not possible.
    """
    if question.export is not None:
        check_ending(question.export)
    comparisons = [comparison_of(league, question) for league in leagues(base, question.league)]
    reports = []
    manager = RunManager(places, max_training=question.jobs)
    try:
        for comparison in comparisons:
            train_missing(comparison.configs(), manager, "comparing")
            reports.append(report_of(comparison, manager.list()))
    finally:
        manager.shutdown()
    show(reports, question.export, as_json=as_json)
    return not any(report.missing for report in reports)


def leagues(base: RunConfig, league: str) -> list[RunConfig]:
    """The base of each league that is asked for.

    Raises:
        ConfigError: There is no such league.
    """
    trained = base.protocol.train_on_val
    first = base.changed(train_on_val="no") if league in {"1", "both"} else base
    second = base.changed(train_on_val="batch" if trained == "no" else trained)
    found = {"": [base], "1": [first], "2": [second], "both": [first, second]}
    if league not in found:
        raise ConfigError(f"league = {league[:80]!r} is not possible: it must be 1, 2 or both.")
    return found[league]


def comparison_of(base: RunConfig, question: Question) -> Comparison:
    """What a question asks of a base.

    Raises:
        ConfigError: It cannot be asked.
    """
    names = split_entries(question.methods)
    return Comparison(
        base,
        names,
        read_seeds(question.seeds),
        question.reference or ("kd" if "kd" in names else names[0]),
        question.epoch,  # type: ignore[arg-type]  # checked there
        read_faults(question.fairness, question.faults),
    )


def train_missing(configs: Iterable[RunConfig], manager: RunManager, doing: str) -> None:
    """Train what is missing, and wait for it and for what another process trains already.

    That may be the page, or the last breath of a command that was killed: what it leaves half
    done is gone on with here.

    Raises:
        ConfigError: The data set cannot be cut as asked, or a model does not take its images.
        StoreError: A run's folder cannot be written.
    """
    missing = list(configs)
    while missing:
        others = [run.run_id for run in under_way(missing, manager)]
        queued = queue_missing(missing, manager)
        others = [run_id for run_id in others if run_id not in queued]
        _follow(manager, queued, doing)
        _follow(manager, others, "waiting for another process")
        ended = [manager.snapshot(run_id) for run_id in others]
        missing = [run.config for run in ended if run.state in {"stopped", "interrupted"}]


def _follow(manager: RunManager, run_ids: Sequence[str], doing: str) -> None:
    """Wait for these runs, in order, with a progress line."""
    if not run_ids:
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(doing, total=len(run_ids))
        for number, run_id in enumerate(run_ids):
            while not (run := manager.snapshot(run_id)).has_ended:
                method = METHOD_FACTS[run.config.method.method].title
                done, planned = len(run.epochs), run.config.training.epochs
                where = f"{method}, seed {run.config.training.seed}"
                said = f"{doing}: {where}, epoch {done} of {planned}"
                progress.update(task, completed=number, description=said)
                time.sleep(POLL_S)
        progress.update(task, completed=len(run_ids), description="done")


def show(
    reports: Sequence[Report], file: Path | None, *, as_json: bool, as_data: AsData = as_data
) -> None:
    """Print the reports, as tables or JSON, and write them where a file is asked for."""
    if file is not None:
        export(reports, file, as_data)
    if as_json:
        data = [as_data(report) for report in reports]
        print(json.dumps(data[0] if len(data) == 1 else data))
    else:
        for report in reports:
            _print(report)
    for report in reports:
        for run, why in report.missing.items():
            print(f"{run} does not count: {why}", file=sys.stderr)


def _print(report: Report) -> None:
    head, *body = table(report)
    shown = Table()
    for name in head:
        is_name = name == "method"
        shown.add_column(name, justify="left" if is_name else "right", overflow="fold")
    for line in body:
        shown.add_row(*line)
    console = wide_console()
    console.print(" ".join(protocol_sentences(report.comparison)))
    console.print(shown)
    console.print(notes(report)[0])


def wide_console() -> Console:
    """Standard output; into a file or a pipe as wide as the tables are."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
