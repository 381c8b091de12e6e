"""Trains the runs of a ledger that have no result yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bikd_core.answer.ledger import Ledger, Result, Run
from bikd_core.config import RunConfig
from bikd_core.config.together import batches_of
from bikd_core.studies.executors import Executor, Outcome
from bikd_core.studies.executors.executor import Group, ShouldStop, execute, never
from bikd_core.studies.executors.work import train_group


def train_missing(
    runs: Iterable[Run],
    ledger: Ledger,
    config_of: Callable[[Run], RunConfig],
    result_of: Callable[[RunConfig, Outcome], Result],
    executor: Executor,
    on_kept: Callable[[], None],
    should_stop: ShouldStop = never,
) -> None:
    """Train the runs that have no result; each is in the ledger when its group has ended.

    Runs with the same config are one in other words: it is trained once and counts for them all.

    Args:
        runs: Those that are wanted.
        ledger: The results so far.
        config_of: The config of a run.
        result_of: What a run that ended came to, as the ledger holds it.
        executor: Where they are trained.
        on_kept: Called at first, and after each group.
        should_stop: Polled.
    """
    runs_of: dict[RunConfig, list[Run]] = {}
    for run in dict.fromkeys(runs):
        if run not in ledger.results:
            runs_of.setdefault(config_of(run), []).append(run)

    def keep(group: Group, outcomes: list[Outcome]) -> None:
        ledger.add(
            (run, result_of(config, outcome))
            for config, outcome in zip(group, outcomes, strict=True)
            for run in runs_of[config]
        )
        on_kept()

    on_kept()
    if runs_of:
        execute(executor, train_group, batches_of(runs_of), keep, should_stop)
