"""`bikd search` and `bikd duel`: optuna's search on D_val, and two configurations over seeds."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from bikd_core.cli.compare import (
    Jobs,
    League,
    SplitsOption,
    check_given,
    check_options,
    leagues,
    show,
    train_and_report,
    train_missing,
    warn,
    wide_console,
)
from bikd_core.cli.controls import Controls
from bikd_core.cli.paths import expanded
from bikd_core.config import ConfigError, RunConfig
from bikd_core.places import Places
from bikd_core.runs import RunManager, Snapshot
from bikd_core.studies import (
    Comparison,
    duel,
    read_seeds,
    split_entries,
)
from bikd_core.studies.export import check_ending
from bikd_core.studies.search import Search, TrialResult
from bikd_core.studies.search_run import run_search as search_trials
from bikd_core.studies.search_table import as_data, read_table
from bikd_core.studies.splits import check_split_seed
from bikd_core.studies.trials import Trials, open_storage

Found = tuple[Search, Mapping[str, Sequence[TrialResult]]]
_NUM_SHOWN = 5  # trials of each method


@dataclass(frozen=True)
class SearchOptions:
    """The options of `bikd search`."""

    methods: Annotated[
        str, Parameter(help="Separated by commas; options given to an entry are not searched.")
    ] = "bikd,prior_kd"
    trials: Annotated[
        int, Parameter(help="Trials of each method; the first is the method itself.")
    ] = 20
    search_seed: Annotated[int, Parameter(help="Seed of the draw.")] = 0
    seeds: Annotated[str, Parameter(help="Seeds of the runs of each trial.")] = "0"
    by: Annotated[
        str, Parameter(help="val_accuracy or val_loss, on D_val or its held-out half.")
    ] = "val_accuracy"
    splits: SplitsOption = "follow"
    league: League = ""
    jobs: Jobs = 1
    storage: Annotated[
        Path | None,
        Parameter(
            converter=expanded,
            help="File in which optuna's journal keeps the trials; without it they are drawn again "
            "from the runs that exist.",
        ),
    ] = None
    refill: Annotated[
        Path | None,
        Parameter(
            converter=expanded,
            help="A .json of an earlier --export, whose trials need not be trained again.",
        ),
    ] = None
    export: Annotated[
        Path | None,
        Parameter(converter=expanded, help="File to write all trials to: .json or .csv."),
    ] = None


@dataclass(frozen=True)
class DuelOptions:
    """The options of `bikd duel`."""

    first: Annotated[str, Parameter(help="An entry, such as bikd:prior=both,warm_up=5.")] = "bikd"
    second: Annotated[str, Parameter(help="The entry that the first is compared to.")] = "prior_kd"
    seeds: Annotated[str, Parameter(help="At least two, such as 0-14.")] = "0-14"
    splits: SplitsOption = "follow"
    league: League = ""
    jobs: Jobs = 1
    export: Annotated[
        Path | None,
        Parameter(
            converter=expanded,
            help="File to write the answer to: .json, short; or .csv, .parquet, .md, .tex.",
        ),
    ] = None


SearchArguments = Annotated[SearchOptions, Parameter(name="*", group="Search")]
DuelArguments = Annotated[DuelOptions, Parameter(name="*", group="Duel")]


def run_search(
    controls: Controls, places: Places, options: SearchOptions, *, as_json: bool
) -> bool:
    """Train the missing trials, print the best, and return whether all trials finished.

    Raises:
        ConfigError: An option is not possible.
    """
    if options.export is not None and options.export.suffix not in {".json", ".csv"}:
        raise ConfigError(
            f"export = {str(options.export)!r} is not possible: the file must end in .json or .csv."
        )
    check_split_seed(options.splits, controls.given)
    searches = [
        Search(
            league,
            split_entries(options.methods),
            options.trials,
            options.search_seed,
            read_seeds(options.seeds),
            options.by,  # type: ignore[arg-type]  # checked there
            options.splits,  # type: ignore[arg-type]  # checked there
        )
        for league in leagues(controls.config(), options.league)
    ]
    for each in searches:
        check_options(controls, each.possible_controls())
    with open_storage(options.storage) as storage:
        trials = [[Trials(each, method, storage) for method in each.methods] for each in searches]
        if options.refill is not None:
            _refill(trials, options.refill)
        found = _train(trials, places, options.jobs)
    data = [as_data(each, results) for each, results in found]
    if options.export is not None:
        _write(found, data, options.export)
    if as_json:
        print(json.dumps(data[0] if len(data) == 1 else data))
    else:
        for each, results in found:
            _print(each, results)
    return all(len(t) == options.trials for _, results in found for t in results.values())


def _refill(trials: Sequence[Sequence[Trials]], path: Path) -> None:
    """Add the trials of a table to the studies that they belong to."""
    for of_search in trials:
        table = read_table(path, of_search[0].search)
        for each in of_search:
            each.refill(table.get(each.method, ()), path)


def _train(trials: Sequence[Sequence[Trials]], places: Places, jobs: int) -> list[Found]:
    """Run each search, and return its results."""
    manager = RunManager(places, max_training=jobs)
    said: set[str] = set()

    def train(
        configs: Sequence[RunConfig],
        may_stop: Callable[[Snapshot], bool],
        calibrated: frozenset[RunConfig],
    ) -> None:
        warn(configs, places, said)
        train_missing(configs, manager, "searching", calibrated, may_stop)

    try:
        return [
            (of_search[0].search, search_trials(of_search, manager.list, train))
            for of_search in trials
        ]
    finally:
        manager.shutdown()


def _write(found: Sequence[Found], data: Sequence[object], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".json":
            json.dump(data, file, indent=1)
            return
        writer = csv.writer(file)
        columns = ("rank", "number", "entry", "val_accuracy", "val_loss", "pruned")
        writer.writerow(["train_on_val", "method", *columns])
        for each, results in found:
            league = each.base.protocol.train_on_val
            for method, trials in results.items():
                writer.writerows(
                    [league, method, rank, *(getattr(trial, name) for name in columns[1:])]
                    for rank, trial in enumerate(each.ranked(trials), 1)
                )


def _print(each: Search, results: Mapping[str, Sequence[TrialResult]]) -> None:
    console = wide_console()
    judged = "a held-out half of D_val" if each.judged_base.protocol.hold_out_half else "D_val"
    console.print(
        f"{each.num_trials} trials of each method, ranked by {each.by} on {judged} at the last "
        "epoch. The test set was not looked at."
    )
    for method, trials in results.items():
        table = Table()
        table.add_column(f"{each.label_of(method)}: entry", overflow="fold")
        for name in ("D_val accuracy %", "D_val loss"):
            table.add_column(name, justify="right")
        for trial in each.ranked(trials)[:_NUM_SHOWN]:
            accuracy = "–" if trial.val_accuracy is None else f"{100 * trial.val_accuracy:.1f}"
            loss = "pruned" if trial.val_loss is None else f"{trial.val_loss:.3f}"
            table.add_row(trial.entry, accuracy, loss)
        console.print(table)
        pruned = sum(bool(trial.pruned) for trial in trials)
        console.print(f"{pruned} of its {len(trials)} trials were pruned, and count as trials.")
        if len(trials) < each.num_trials:
            missing = each.num_trials - len(trials)
            print(f"{method}: {missing} trials did not finish and do not count.", file=sys.stderr)


def run_duel(controls: Controls, places: Places, options: DuelOptions, *, as_json: bool) -> bool:
    """Train the missing runs, print who leads, and return whether every run finished.

    Raises:
        ConfigError: An option is not possible.
    """
    if options.export is not None:
        check_ending(options.export)
    check_split_seed(options.splits, controls.given)
    entries, seeds = (options.first, options.second), read_seeds(options.seeds)
    comparisons = [
        Comparison(league, entries, seeds, options.second, splits=options.splits)  # type: ignore[arg-type]  # checked there
        for league in leagues(controls.config(), options.league)
    ]
    for comparison in comparisons:
        duel.check(comparison)
        check_given(controls, comparison.configs())
    reports = train_and_report(comparisons, places, options.jobs, "duelling")
    show(reports, options.export, as_json=as_json, as_data=duel.as_data)
    if not as_json:
        for report in reports:
            print(duel.verdict(report))
    return not any(report.missing for report in reports)
