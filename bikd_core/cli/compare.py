"""`bikd compare`: methods over seeds under one protocol; which one wins."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bikd_core.cli.controls import Controls
from bikd_core.cli.paths import expanded
from bikd_core.config import ConfigError, RunConfig, check_read, title_of
from bikd_core.places import Places
from bikd_core.runs import RunManager, Snapshot
from bikd_core.studies import (
    Comparison,
    Report,
    active_runs,
    learned_weights,
    queue_missing,
    read_faults,
    read_seeds,
    split_entries,
    with_learned_weights,
)
from bikd_core.studies.calibration import read_calibration
from bikd_core.studies.export import AsData, check_ending, export, notes, table
from bikd_core.studies.learned_weights import USUAL_OBJECTIVES, check_pairs
from bikd_core.studies.learning_rates import with_learning_rates
from bikd_core.studies.report import as_data, protocol_sentences, report_of
from bikd_core.studies.splits import check_split_seed
from bikd_core.teachers.card import list_teachers
from bikd_core.teachers.imitation import imitations

POLL_S = 0.5
_WIDTH = 160  # characters


League = Annotated[
    str,
    Parameter(
        help="1: D_val is not trained on. 2: it is, as --train-on-val says or else as a batch of "
        "equal weight. both: one after the other. Without it, --train-on-val decides."
    ),
]
#: The questions, and the methods that are compared where none are named.
QUESTIONS = {
    "methods": "ce,kd,bikd",
    "weights": ",".join(USUAL_OBJECTIVES),
    "rates": "ce,kd,bikd",
}
SplitsOption = Annotated[
    str,
    Parameter(
        name="--splits",
        help="follow: each seed has a split of its own, and so a teacher. fixed: --split-seed for "
        "all, as on the page.",
    ),
]
Jobs = Annotated[int, Parameter(help="Runs that train at the same time; they share the cores.")]


@dataclass(frozen=True)
class CompareOptions:
    """The options of `bikd compare`."""

    question: Annotated[
        str,
        Parameter(
            help="methods: who wins. weights: what learned weights add; --methods are objectives, "
            "and each is compared with BiKD over it. rates: each method at several learning rates."
        ),
    ] = "methods"
    methods: Annotated[
        str,
        Parameter(
            show_default=False,
            help="Separated by commas; a method's own options look like bikd:prior=both,warm_up=5. "
            "relative is the strongest form of BiKD. Else "
            f"{', '.join(f'{names} for {question}' for question, names in QUESTIONS.items())}.",
        ),
    ] = ""
    seeds: Annotated[
        str, Parameter(help="Whole numbers, separated by commas, or a range like 0-9.")
    ] = "0,1,2"
    reference: Annotated[
        str, Parameter(help="The entry that the others are compared to; else kd or the first.")
    ] = ""
    epoch: Annotated[
        str,
        Parameter(
            help="The epoch that counts. last; val: lowest D_val loss; test: best on the test set, "
            "a fault of the published comparison."
        ),
    ] = "last"
    calibration: Annotated[
        str,
        Parameter(
            help="The accuracy that counts. none: the student's own; class_biases: with class "
            "biases fitted to D_val after training, which every run has. One entry alone: "
            "kd:calibration=class_biases."
        ),
    ] = "none"
    league: League = ""
    fairness: Annotated[
        str,
        Parameter(
            name="--protocol",
            help="fair; or as_published, with the faults of the published comparison: all but "
            "authors_recipes.",
        ),
    ] = "fair"
    splits: SplitsOption = "follow"
    faults: Annotated[
        str,
        Parameter(
            help="Single faults, separated by commas: teacher_batch_statistics, drop_window, "
            "test_chosen_epoch, unequal_recipes, authors_recipes."
        ),
    ] = ""
    jobs: Jobs = 1
    export: Annotated[
        Path | None,
        Parameter(
            converter=expanded,
            help="File to write the answer to: .csv, .parquet, .md, .tex or .json.",
        ),
    ] = None


CompareArguments = Annotated[CompareOptions, Parameter(name="*", group="Comparison")]


def compare(controls: Controls, places: Places, options: CompareOptions, *, as_json: bool) -> bool:
    """Train the missing runs, print the answer, and return whether every run finished.

    Raises:
        ConfigError: An option is not possible.
    """
    if options.export is not None:
        check_ending(options.export)
    check_split_seed(options.splits, controls.given)
    comparisons = [
        comparison_of(base, options) for base in leagues(controls.config(), options.league)
    ]
    for comparison in comparisons:
        check_given(controls, comparison.configs())
    reports = train_and_report(comparisons, places, options.jobs, "comparing")
    show(reports, options.export, as_json=as_json)
    return not any(report.missing for report in reports)


def check_given(controls: Controls, configs: Iterable[RunConfig]) -> None:
    """Check that at least one of these runs reads each option that was given.

    Raises:
        ConfigError: None does.
    """
    check_options(controls, [config.flat() for config in configs])


def check_options(controls: Controls, methods: Sequence[Mapping[str, Any]]) -> None:
    """Check that at least one of these methods, given by its controls, reads each given option.

    Raises:
        ConfigError: None does.
    """
    check_read({k: v for k, v in controls.given.items() if k != "method"}, methods)


def leagues(base: RunConfig, league: str) -> list[RunConfig]:
    """Return the base config of each league: "1", "2", "both", or "" for the base as it is.

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


def comparison_of(base: RunConfig, options: CompareOptions) -> Comparison:
    """Return the comparison that the options describe.

    Raises:
        ConfigError: An option is not possible.
    """
    if options.question not in QUESTIONS:
        raise ConfigError(
            f"question = {options.question[:80]!r} is not possible: it must be one of "
            f"{', '.join(QUESTIONS)}."
        )
    names = split_entries(options.methods or QUESTIONS[options.question])
    is_of_weights, entries = options.question == "weights", names
    if is_of_weights:
        entries = with_learned_weights(names, base.flat())
    elif options.question == "rates":
        entries = with_learning_rates(names, base.flat())
    comparison = Comparison(
        base,
        entries,
        read_seeds(options.seeds),
        options.reference or ("kd" if "kd" in names else names[0]),
        options.epoch,  # type: ignore[arg-type]  # checked there
        read_faults(options.fairness, options.faults),
        calibration=read_calibration(options.calibration),
        splits=options.splits,  # type: ignore[arg-type]  # checked there
    )
    if is_of_weights:
        check_pairs(comparison, len(names))
    return comparison


def train_and_report(
    comparisons: Sequence[Comparison], places: Places, jobs: int, activity: str
) -> list[Report]:
    """Train the missing runs of each comparison in turn, and return their reports."""
    reports = []
    for comparison in comparisons:
        warn(comparison.configs(), places)
    manager = RunManager(places, max_training=jobs)
    try:
        for comparison in comparisons:
            train_missing(comparison.configs(), manager, activity, comparison.calibrated)
            reports.append(report_of(comparison, manager.list()))
    finally:
        manager.shutdown()
    return reports


def warn(configs: Iterable[RunConfig], places: Places, said: set[str] | None = None) -> None:
    """Say what soft losses on D_val ask of the students of these runs, on standard error.

    Args:
        configs: The runs.
        places: Where the teachers lie.
        said: Sentences that were said already; those said here are added.
    """
    said = set() if said is None else said
    for sentence in imitations(configs, dict(list_teachers(places.teacher_folders()))):
        if sentence not in said:
            said.add(sentence)
            print(sentence, file=sys.stderr)


def train_missing(
    configs: Iterable[RunConfig],
    manager: RunManager,
    activity: str,
    calibrated: Container[RunConfig] = (),
    may_stop: Callable[[Snapshot], bool] = lambda run: False,
) -> None:
    """Train the missing runs, and wait for them and for those that another process trains.

    The other process may be the page, or a killed command whose child still runs. What it leaves
    unfinished is resumed here.

    Args:
        configs: The runs that are needed.
        manager: Trains them.
        activity: The word for it in the progress line.
        calibrated: Those of the configs whose runs must have class biases.
        may_stop: Whether a run need not be trained further; it is stopped then.

    Raises:
        ConfigError: The split is impossible, or a model does not take the data set's images.
        StoreError: A run's folder cannot be written.
    """
    missing = list(configs)
    while missing:
        others = [run.run_id for run in active_runs(missing, manager, calibrated)]
        queued = queue_missing(missing, manager, calibrated=calibrated)
        others = [run_id for run_id in others if run_id not in queued]
        _follow(manager, queued, activity, may_stop)
        _follow(manager, others, "waiting for another process")
        ended = [manager.snapshot(run_id) for run_id in others]
        missing = [
            run.config
            for run in ended
            if run.state in {"stopped", "interrupted"} and not may_stop(run)
        ]


def _follow(
    manager: RunManager,
    run_ids: Sequence[str],
    activity: str,
    may_stop: Callable[[Snapshot], bool] = lambda run: False,
) -> None:
    """Wait for these runs, in order, with a progress line; stop those that may be stopped."""
    if not run_ids:
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(activity, total=len(run_ids))
        for number, run_id in enumerate(run_ids):
            while not (run := manager.snapshot(run_id)).has_ended:
                description = f"{activity}: {_at_work(run, manager)}"
                progress.update(task, completed=number, description=description)
                for each in map(manager.snapshot, run_ids[number:]):
                    if not each.has_ended and may_stop(each):
                        manager.stop(each.run_id)
                time.sleep(POLL_S)
        progress.update(task, completed=len(run_ids), description="done")


def _at_work(run: Snapshot, manager: RunManager) -> str:
    """Return how far a run is, in words, and those that share its steps."""
    shared = [manager.snapshot(run_id) for run_id in run.together if run_id != run.run_id]
    seeds = [each.config.training.seed for each in (run, *shared) if not each.has_ended]
    named = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    done, planned = len(run.epochs), run.config.training.epochs
    return f"{title_of(run.config.method)}, {named}, epoch {done} of {planned}"


def show(
    reports: Sequence[Report], file: Path | None, *, as_json: bool, as_data: AsData = as_data
) -> None:
    """Print the reports as tables or JSON, and write them to `file` if given."""
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
    console = wide_console()
    console.print(" ".join(protocol_sentences(report.comparison)))
    console.print(_drawn(table(report)))
    console.print(notes(report)[0])
    if report.gains:
        console.print(_drawn(learned_weights.table(report.gains)))
        console.print(learned_weights.verdict(report.gains))


def _drawn(rows: Sequence[Sequence[str]]) -> Table:
    """Return heading and rows as a table, names at the left."""
    head, *body = rows
    drawn = Table()
    for number, name in enumerate(head):
        drawn.add_column(name, justify="right" if number else "left", overflow="fold")
    for line in body:
        drawn.add_row(*line)
    return drawn


def wide_console() -> Console:
    """Return a console on standard output that is wide enough for tables in files and pipes."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
