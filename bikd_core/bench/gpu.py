"""`bikd bench gpu`: what a borrowed GPU should answer in a few minutes, by one command.

    tests of the device fixture → rates of the card → steps beside their floors → trainings

What matters most comes first. Each result is in its JSON file as soon as there is one, and at the
time limit the phase under way ends. Without CUDA a small plan is rehearsed on the CPU.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from bikd_core.bench.gpu_rates import Rates, measure_rates
from bikd_core.bench.gpu_results import Deadline, Results
from bikd_core.bench.gpu_steps import measure_steps
from bikd_core.bench.gpu_tests import run_tests
from bikd_core.bench.gpu_training import train_all
from bikd_core.bench.report import Row, machine
from bikd_core.config import ConfigError
from bikd_core.training import resolve_device
from bikd_core.training.compute import keep_freed_memory

TESTS_SHARE, STEPS_SHARE = 0.25, 0.15  # of the whole time, at most; the latter for each pair
#: What the cut of CIFAR-10 holds.
DATA: dict[str, Any] = {"dataset": "cifar10", "imbalance_factor": 100, "test_per_class": 500}


class Plan(NamedTuple):
    """What is measured on a kind of device."""

    device: str
    note: str
    tests: tuple[tuple[str, str], ...]  # pytest's -k and -m
    pairs: tuple[str, ...]  # of `bench step`
    controls: dict[str, Any]  # of the trainings
    max_epochs: int


FULL = Plan(
    "cuda",
    "the whole plan, on a CUDA device",
    (("cuda", "not slow"), ("cuda", "slow")),
    ("32x4-8x4", "56-20"),
    DATA | {"teacher_model": "resnet32x4", "student": "resnet8x4"},
    120,
)
REHEARSAL = Plan(
    "cpu",
    "a rehearsal on the CPU, because there is no CUDA device: its numbers say nothing of a GPU",
    (("cpu or meta", "not slow"),),
    ("rehearsal",),
    DATA
    | {"teacher_model": "resnet8", "student": "resnet8", "batch_size": 16}
    | {"head_count": 100, "val_per_class": 5, "test_per_class": 10},
    1,
)


def run(out: Path, minutes: float, data_dir: Path) -> Iterator[Row]:
    """Run the plan; yield a row when a phase ends: its name, how it ended, and its seconds.

    Args:
        out: Receives the results; must not exist, or be empty.
        minutes: When to end.
        data_dir: Folder that holds CIFAR-10 or its cut.

    Raises:
        ConfigError: `minutes` or `out` is not possible.
    """
    if not minutes > 0:
        raise ConfigError(f"minutes = {minutes!r} is not possible: it must be above 0.")
    deadline = Deadline(60 * minutes)
    plan = FULL if resolve_device("auto").type == "cuda" else REHEARSAL
    head = {"machine": machine(), "device": plan.device, "note": plan.note, "minutes": minutes}
    results = Results(out, head)
    keep_freed_memory()  # as in every process that trains
    phases: list[Row] = []
    for name, phase in _Phases(plan, results, data_dir, deadline).in_order():
        phases.append(_outcome(name, phase, deadline))
        results.write("phases", phases)
        yield phases[-1]


def _outcome(name: str, phase: Callable[[], str], deadline: Deadline) -> Row:
    """Run a phase; a fault is reported, and does not cost the results of the next ones."""
    if deadline.is_over:
        return {"phase": name, "ended": "not begun: the time was over", "seconds": 0.0}
    start = time.monotonic()
    row: Row = {"phase": name}
    try:
        row["ended"] = phase()
    except Exception as error:  # the last frame of a phase
        row |= {"ended": "failed", "error": f"{type(error).__name__}: {error}"}
        row["traceback"] = traceback.format_exc()
    return row | {"seconds": time.monotonic() - start}


class _Phases:
    """The phases of a plan. Each returns how it ended."""

    def __init__(self, plan: Plan, results: Results, data_dir: Path, deadline: Deadline) -> None:
        self._plan, self._results, self._data_dir = plan, results, data_dir
        self._deadline = deadline
        self._rates: Rates | None = None

    def in_order(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Yield each phase with its name, what matters most first."""
        yield "tests", self._tests
        yield "rates", self._measure_rates
        yield "steps", self._steps
        yield "training", self._training

    def _tests(self) -> str:
        deadline = self._deadline.share(TESTS_SHARE)
        rows: list[Row] = []
        for keyword, speed in self._plan.tests:
            if deadline.is_over:
                break
            log = self._results.folder / f"tests-{speed.replace(' ', '-')}.txt"
            rows.append(run_tests(keyword, speed, deadline, log))
            self._results.write("tests", rows)
        if any(row.get("failed") or row["ended"].startswith("failed") for row in rows):
            return "failed"
        return rows[-1]["ended"] if len(rows) == len(self._plan.tests) else "cut off"

    def _measure_rates(self) -> str:
        self._rates = measure_rates(torch.device(self._plan.device))
        rows: list[Row] = [
            {"what": f"matrix product, {precision}", "rate": rate, "unit": "FLOP/s"}
            for precision, rate in self._rates.flop_per_s.items()
        ]
        rows += [
            {"what": "copy, read and written", "rate": self._rates.bytes_per_s, "unit": "B/s"},
            {"what": "small calls", "rate": 1 / self._rates.seconds_per_call, "unit": "calls/s"},
        ]
        self._results.write("rates", rows)
        return "finished"

    def _steps(self) -> str:
        if self._rates is None:
            return "not begun: the rates are missing"
        done: list[Row] = []
        for pair in self._plan.pairs:
            if self._deadline.is_over:
                return "cut off"
            rows: list[Row] = []
            for rows in measure_steps(pair, self._rates, self._deadline.share(STEPS_SHARE)):
                self._results.write("steps", done + rows)
            done += rows
        return "finished"

    def _training(self) -> str:
        rows: list[Row] = []
        plan = self._plan
        for rows in train_all(plan.controls, plan.max_epochs, self._data_dir, self._deadline):
            self._results.write("training", rows)
        return str(rows[-1]["ended"])
