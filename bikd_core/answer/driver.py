"""Trains what an answer still lacks, stage by stage, and keeps its result file up to date."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bikd_core.answer.ledger import Ledger, Result, Run, result_of
from bikd_core.answer.plans import Plan
from bikd_core.answer.report import result
from bikd_core.answer.stages import Answer
from bikd_core.answer.training import train_missing
from bikd_core.bench.report import machine
from bikd_core.config import RunConfig
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
    path = folder / f"answer-{plan.name}.json"
    with ledger.held():
        answer = Answer(plan, ledger)
        for name, runs in answer.stages():
            if name == "Seeds":
                _write(path, answer)  # what was chosen, before a seed is tested
            train_missing(
                runs,
                ledger,
                answer.config,
                _result,
                LocalExecutor(places, jobs),
                partial(_tell, answer, name, runs, progress),
            )
        _write(path, answer)
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


def _write(path: Path, answer: Answer) -> None:
    content = {"machine": machine(), "command": f"bikd bench answer {answer.plan.name}"}
    replace_text(path, json.dumps(content | result(answer), indent=1) + "\n")


def print_progress(name: str, num_ended: int, num_runs: int) -> None:
    """Write a stage's progress as one line to the error stream."""
    print(f"{name}: {num_ended:,} of {num_runs:,} runs", file=sys.stderr, flush=True)
