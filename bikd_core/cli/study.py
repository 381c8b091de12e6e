"""`bikd search` and `bikd duel`: the best by D_val alone, and two configurations over seeds."""

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

from bikd_core.cli.compare import Jobs, League, leagues, show, train_missing, wide_console
from bikd_core.config import ConfigError, RunConfig
from bikd_core.places import Places
from bikd_core.runs import RunManager
from bikd_core.studies import (
    Comparison,
    duel,
    label_of,
    read_seeds,
    report_of,
    search,
    split_entries,
)
from bikd_core.studies.export import check_ending
from bikd_core.studies.search import Found, Search

Ranked = dict[str, list[Found]]
_SHOWN = 5  # trials of each method


@dataclass(frozen=True)
class Searched:
    """What is searched, and how it is judged."""

    methods: Annotated[
        str, Parameter(help="Separated by commas; an entry's own options are not searched.")
    ] = "bikd,prior_kd"
    trials: Annotated[int, Parameter(help="For each method; the first is the method itself.")] = 20
    search_seed: Annotated[int, Parameter(help="Of the draw.")] = 0
    seeds: Annotated[str, Parameter(help="Of each trial's runs.")] = "0"
    by: Annotated[
        str, Parameter(help="val_accuracy or val_loss, on D_val or its held-out half.")
    ] = "val_accuracy"
    league: League = ""
    jobs: Jobs = 1
    export: Annotated[Path | None, Parameter(help="A file for all trials: .json or .csv.")] = None


@dataclass(frozen=True)
class Duel:
    """Who meets whom."""

    first: Annotated[str, Parameter(help="An entry, as bikd:prior=both,warm_up=5.")] = "bikd"
    second: Annotated[str, Parameter(help="Another one, which the lead is over.")] = "prior_kd"
    seeds: Annotated[str, Parameter(help="At least two; as 0-14.")] = "0-14"
    league: League = ""
    jobs: Jobs = 1
    export: Annotated[
        Path | None,
        Parameter(help="A file for the answer: .json, small; or .csv, .parquet, .md, .tex."),
    ] = None


AskedSearch = Annotated[Searched, Parameter(name="*", group="Search")]
AskedDuel = Annotated[Duel, Parameter(name="*", group="Duel")]


def run_search(base: RunConfig, places: Places, asked: Searched, *, as_json: bool) -> bool:
    """Run the trials that are missing, print the best; returns whether all trials finished.

    Raises:
        ConfigError: Something that is asked for is not possible.
    """
    if asked.export is not None and asked.export.suffix not in {".json", ".csv"}:
        raise ConfigError(
            f"export = {str(asked.export)!r} is not possible: the file must end in .json or .csv."
        )
    methods, seeds = split_entries(asked.methods), read_seeds(asked.seeds)
    searches = [
        Search(league, methods, asked.trials, asked.search_seed, seeds, asked.by)  # type: ignore[arg-type]  # checked there
        for league in leagues(base, asked.league)
    ]
    found = []
    manager = RunManager(places, max_training=asked.jobs)
    try:
        for each in searches:
            train_missing([config for _, config in each.runs_asked()], manager, "searching")
            found.append((each, each.ranked(manager.list())))
    finally:
        manager.shutdown()
    data = [search.as_data(each, ranked) for each, ranked in found]
    if asked.export is not None:
        _write(found, data, asked.export)
    if as_json:
        print(json.dumps(data[0] if len(data) == 1 else data))
    else:
        for each, ranked in found:
            _print(each, ranked)
    return all(len(t) == asked.trials for _, ranked in found for t in ranked.values())


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
        table.add_column(f"{label_of(method)}: entry", overflow="fold")
        for name in ("D_val accuracy %", "D_val loss"):
            table.add_column(name, justify="right")
        for found in trials[:_SHOWN]:
            accuracy = "–" if found.val_accuracy is None else f"{100 * found.val_accuracy:.1f}"
            table.add_row(found.entry, accuracy, f"{found.val_loss:.3f}")
        console.print(table)
        if len(trials) < each.num_trials:
            missing = each.num_trials - len(trials)
            print(f"{method}: {missing} trials did not finish and do not count.", file=sys.stderr)


def run_duel(base: RunConfig, places: Places, asked: Duel, *, as_json: bool) -> bool:
    """Run what is missing, say who leads; returns whether every run finished.

    Raises:
        ConfigError: Something that is asked for is not possible.
    """
    if asked.export is not None:
        check_ending(asked.export)
    entries, seeds = (asked.first, asked.second), read_seeds(asked.seeds)
    comparisons = [
        Comparison(league, entries, seeds, asked.second) for league in leagues(base, asked.league)
    ]
    for comparison in comparisons:
        duel.check(comparison)
    reports = []
    manager = RunManager(places, max_training=asked.jobs)
    try:
        for comparison in comparisons:
            train_missing(comparison.configs(), manager, "duelling")
            reports.append(report_of(comparison, manager.list()))
    finally:
        manager.shutdown()
    show(reports, asked.export, as_json=as_json, as_data=duel.as_data)
    if not as_json:
        for report in reports:
            print(duel.verdict(report))
    return not any(report.missing for report in reports)
