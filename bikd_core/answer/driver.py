"""Trains what an answer still lacks, stage by stage, and keeps its result file up to date."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bikd_core.answer import again, cost
from bikd_core.answer.ledger import Ledger, Result, Run, result_of
from bikd_core.answer.plans import Plan
from bikd_core.answer.report import result
from bikd_core.answer.stages import Answer
from bikd_core.answer.training import train_missing
from bikd_core.bench.report import machine
from bikd_core.config import ConfigError, RunConfig
from bikd_core.places import Places
from bikd_core.store.files import replace_text
from bikd_core.studies.executors import LocalExecutor, Outcome

#: Called with a stage in words, its runs that have ended, and all of its runs.
Progress = Callable[[str, int, int], None]


def run(plan: Plan, folder: Path, places: Places, jobs: int, progress: Progress) -> Path:
    """Train all runs of a plan that have no result yet; return its result file.

    It may be interrupted at any time: what has ended lies in the ledger.

    Args:
        plan: What is compared.
        folder: Holds the ledger and the result file.
        places: Where data sets and teachers lie.
        jobs: Processes that train.
        progress: Told about each stage.

    Raises:
        ConfigError: The ledger is of another plan, or used by another process.
        ValueError: A run cannot be trained.
    """
    ledger = Ledger(folder / f"answer-{plan.name}-runs.jsonl", plan.base)
    path, command = folder / f"answer-{plan.name}.json", f"bikd bench answer {plan.name}"
    with ledger.held():
        answer = Answer(plan, ledger)
        for name, runs in answer.stages():
            if name == "Seeds":
                _write(path, command, result(answer))  # what was chosen, before a seed is tested
            train_missing(
                runs,
                ledger,
                answer.config,
                _result,
                LocalExecutor(places, jobs),
                partial(_tell, answer, name, runs, progress),
            )
        _write(path, command, result(answer))
    return path


def run_again(
    plan: Plan, method: str, folder: Path, places: Places, jobs: int, progress: Progress
) -> Path:
    """Test once more what the seeds of an answer suggest; return the result file.

    It may be interrupted as `run`.

    Args:
        plan: What was compared.
        method: A `method` of the answer's rows.
        folder: Holds the ledger, and receives the result file.
        places: Where data sets and teachers lie.
        jobs: Processes that train.
        progress: Told about it.

    Raises:
        ConfigError: No row has that method, the answer is not there, or as `run`.
        ValueError: A run cannot be trained.
    """
    ledger = Ledger(folder / f"answer-{plan.name}-runs.jsonl", plan.base)
    path = folder / f"answer-{plan.name}-again.json"
    with ledger.held():
        answer = Answer(plan, ledger)
        contest = again.contest_of(answer, method)
        runs = again.runs_of(answer, contest)
        told = partial(_tell, answer, "Fresh seeds", runs, progress)
        train_missing(runs, ledger, answer.config, _result, LocalExecutor(places, jobs), told)
        command = f"bikd bench answer {plan.name} --again {method}"
        _write(path, command, again.result(answer, contest))
    return path


def time_methods(plan: Plan, folder: Path, clock: cost.Clock | None = None) -> Path:
    """Time the methods that D_val chose in turns; return the file of their costs.

    Args:
        plan: What was compared.
        folder: Holds the ledger, and receives the file.
        clock: As `cost.result` takes it.

    Raises:
        ConfigError: The answer's trials have not ended, or as `run`.
    """
    ledger = Ledger(folder / f"answer-{plan.name}-runs.jsonl", plan.base)
    path = folder / f"answer-{plan.name}-cost.json"
    with ledger.held():
        answer = Answer(plan, ledger)
        if answer.has_open_trials():
            raise ConfigError(
                f"time is not possible yet: first run `bikd bench answer {plan.name}`."
            )
        _write(path, f"bikd bench answer {plan.name} --time", cost.result(answer, clock))
    return path


def _tell(answer: Answer, name: str, runs: Sequence[Run], progress: Progress) -> None:
    progress(name, len(runs) - len(answer.missing(runs)), len(runs))


def _result(config: RunConfig, outcome: Outcome) -> Result:
    """Return the result of a run that ended.

    Raises:
        ValueError: It cannot be trained.
    """
    if outcome.failure and not outcome.diverged:
        raise ValueError(outcome.failure)
    return result_of(config, outcome)


def _write(path: Path, command: str, content: dict[str, Any]) -> None:
    head = {"machine": machine(), "command": command}
    replace_text(path, json.dumps(head | content, indent=1) + "\n")


def print_progress(name: str, num_ended: int, num_runs: int) -> None:
    """Write a stage's progress as one line to the error stream."""
    print(f"{name}: {num_ended:,} of {num_runs:,} runs", file=sys.stderr, flush=True)
