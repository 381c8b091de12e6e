"""`bikd compare`: methods × seeds under one protocol, and who wins for whom."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bikd_core.config import METHOD_FACTS, RunConfig
from bikd_core.places import Places
from bikd_core.runs import RunManager, Snapshot
from bikd_core.studies import METRICS, Comparison, Interval, Line, read_seeds, run_missing

POLL_S = 0.5
Methods = Annotated[str, Parameter(help="Names, separated by commas.", group="Comparison")]
Seeds = Annotated[
    str,
    Parameter(help="Whole numbers, separated by commas, or a range as 0-9.", group="Comparison"),
]
Reference = Annotated[
    str, Parameter(help="The method that leads are over; else kd or the first.", group="Comparison")
]
ChosenEpoch = Annotated[
    str,
    Parameter(help="Which epoch counts: last, or val: lowest D_val loss.", group="Comparison"),
]


def compare(
    base: RunConfig,
    places: Places,
    *,
    methods: str,
    seeds: str,
    reference: str,
    epoch: str,
    as_json: bool,
) -> bool:
    """Run what is missing, then print the answer; returns whether every run finished.

    Raises:
        ConfigError: Something that is asked for is not possible.
    """
    names = tuple(name.strip() for name in methods.split(","))
    comparison = Comparison(
        base,
        names,
        read_seeds(seeds),
        reference or ("kd" if "kd" in names else names[0]),
        epoch,  # type: ignore[arg-type]  # checked there
    )
    manager = RunManager(places)
    try:
        ended = _run(comparison, manager)
    finally:
        manager.shutdown()
    lines = comparison.answer(ended)
    failed = [run for run in ended if run.state == "failed"]
    if as_json:
        print(json.dumps(as_data(comparison, lines, failed)))
    else:
        _print(comparison, lines)
    for run in failed:
        print(f"{run.name} failed and does not count: {run.reason}", file=sys.stderr)
    return sum(len(line.seeds) for line in lines) == len(comparison.configs())


def _run(comparison: Comparison, manager: RunManager) -> tuple[Snapshot, ...]:
    """Train what is missing, with a progress line; returns all runs of the folder."""
    queued = run_missing(comparison, manager, lambda _config, _run_id: None)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("comparing", total=len(queued))
        for number, run_id in enumerate(queued):
            while not (run := manager.snapshot(run_id)).has_ended:
                method = METHOD_FACTS[run.config.method.method].title
                done, planned = len(run.epochs), run.config.training.epochs
                said = f"{method}, seed {run.config.training.seed}: epoch {done} of {planned}"
                progress.update(task, completed=number, description=said)
                time.sleep(POLL_S)
        progress.update(task, completed=len(queued), description="compared")
    return manager.list()


def as_data(comparison: Comparison, lines: list[Line], failed: list[Snapshot]) -> dict[str, Any]:
    """The answer, the protocol it was got under and what failed, as JSON has it."""
    return {
        "protocol": {
            "controls": {
                name: value
                for name, value in comparison.base.flat().items()
                if name not in {"method", "seed"}
            },
            "methods": comparison.methods,
            "seeds": comparison.seeds,
            "reference": comparison.reference,
            "epoch": comparison.chosen,
        },
        "lines": [
            line._asdict()
            | {
                "values": {name: value._asdict() for name, value in line.values.items()},
                "lead": {name: value._asdict() for name, value in line.lead.items()},
            }
            for line in lines
        ],
        "failed": {run.run_id: run.reason for run in failed},
    }


def _print(comparison: Comparison, lines: list[Line]) -> None:
    base, title = comparison.base.data, METHOD_FACTS[comparison.reference].title
    epoch = "last epoch" if comparison.chosen == "last" else "epoch of the lowest D_val loss"
    table = Table(title=f"{base.dataset}, factor {base.imbalance_factor:g}, {epoch}; % ± 95 %")
    for name in ("method", "seeds", *METRICS, f"lead over {title}", "s/epoch"):
        table.add_column(name.removeprefix("accuracy_"), justify="right")
    for line in lines:
        lead = line.lead.get("accuracy")
        mark = " *" if lead and lead.excludes_zero else ""
        table.add_row(
            METHOD_FACTS[line.method].title,
            str(len(line.seeds)),
            *(in_percent(line.values[name]) for name in METRICS),
            f"{in_percent(lead, signed=True)}{mark}" if lead else "–",
            f"{line.seconds_per_epoch:.2g}",
        )
    console = Console()
    console.print(table)
    console.print("* the 95 % interval of the difference, paired by seed, excludes 0")


def in_percent(value: Interval, *, signed: bool = False) -> str:
    """A mean in percent with half its interval: "61.2 ± 1.4"."""
    mean = f"{100 * value.mean:+.1f}" if signed else f"{100 * value.mean:.1f}"
    if value.high is None:
        return mean
    return f"{mean} ± {100 * (value.high - value.mean):.1f}"
