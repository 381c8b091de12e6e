"""`bikd search` and `bikd duel`: random search on D_val, and two configurations over seeds."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from bikd_core.cli.compare import (
    Jobs,
    League,
    check_given,
    leagues,
    show,
    train_and_report,
    train_missing,
    warn,
    wide_console,
)
from bikd_core.cli.controls import Controls
from bikd_core.config import ConfigError
from bikd_core.places import Places
from bikd_core.runs import RunManager
from bikd_core.studies import (
    Comparison,
    duel,
    read_seeds,
    search,
    split_entries,
)
from bikd_core.studies.export import check_ending
from bikd_core.studies.search import Search, TrialResult

Ranked = dict[str, list[TrialResult]]
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
    league: League = ""
    jobs: Jobs = 1
    export: Annotated[
        Path | None, Parameter(help="File to write all trials to: .json or .csv.")
    ] = None


@dataclass(frozen=True)
class DuelOptions:
    """The options of `bikd duel`."""

    first: Annotated[str, Parameter(help="An entry, such as bikd:prior=both,warm_up=5.")] = "bikd"
    second: Annotated[str, Parameter(help="The entry that the first is compared to.")] = "prior_kd"
    seeds: Annotated[str, Parameter(help="At least two, such as 0-14.")] = "0-14"
    league: League = ""
    jobs: Jobs = 1
    export: Annotated[
        Path | None,
        Parameter(help="File to write the answer to: .json, short; or .csv, .parquet, .md, .tex."),
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
    methods, seeds = split_entries(options.methods), read_seeds(options.seeds)
    searches = [
        Search(league, methods, options.trials, options.search_seed, seeds, options.by)  # type: ignore[arg-type]  # checked there
        for league in leagues(controls.config(), options.league)
    ]
    for each in searches:
        check_given(controls, [config for _, config in each.grid()])
        warn([config for _, config in each.grid()], places)
    found = []
    manager = RunManager(places, max_training=options.jobs)
    try:
        for each in searches:
            train_missing([config for _, config in each.grid()], manager, "searching")
            found.append((each, each.ranked(manager.list())))
    finally:
        manager.shutdown()
    data = [search.as_data(each, ranked) for each, ranked in found]
    if options.export is not None:
        _write(found, data, options.export)
    if as_json:
        print(json.dumps(data[0] if len(data) == 1 else data))
    else:
        for each, ranked in found:
            _print(each, ranked)
    return all(len(t) == options.trials for _, ranked in found for t in ranked.values())


def _write(found: Sequence[tuple[Search, Ranked]], data: Sequence[object], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".json":
            json.dump(data, file, indent=1)
            return
        writer = csv.writer(file)
        writer.writerow(["train_on_val", "method", "rank", "entry", "val_accuracy", "val_loss"])
        for each, ranked in found:
            league = each.base.protocol.train_on_val
            for method, trials in ranked.items():
                writer.writerows(
                    [league, method, rank, trial.entry, trial.val_accuracy, trial.val_loss]
                    for rank, trial in enumerate(trials, 1)
                )


def _print(each: Search, ranked: Ranked) -> None:
    console = wide_console()
    judged = "a held-out half of D_val" if each.judged_base.protocol.hold_out_half else "D_val"
    console.print(
        f"{each.num_trials} trials of each method, ranked by {each.by} on {judged} at the last "
        "epoch. The test set was not looked at."
    )
    for method, trials in ranked.items():
        table = Table()
        table.add_column(f"{each.label_of(method)}: entry", overflow="fold")
        for name in ("D_val accuracy %", "D_val loss"):
            table.add_column(name, justify="right")
        for result in trials[:_NUM_SHOWN]:
            accuracy = "–" if result.val_accuracy is None else f"{100 * result.val_accuracy:.1f}"
            table.add_row(result.entry, accuracy, f"{result.val_loss:.3f}")
        console.print(table)
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
    entries, seeds = (options.first, options.second), read_seeds(options.seeds)
    comparisons = [
        Comparison(league, entries, seeds, options.second)
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
