"""Times epochs of K seeds that train together, beside the same seeds one after the other.

The ways take turns in one process, on one thread, as a run's child has on two cores. An epoch is a
whole one: steps, evaluation and events. Teachers are untrained, since their answers do not change
the time, and CIFAR's images are random.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from bikd_core.bench.report import Row
from bikd_core.bench.turns import in_turns
from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.data.long_tail import LongTailSplit, load_split
from bikd_core.models import build
from bikd_core.training import resolve_device
from bikd_core.training.compute import keep_freed_memory
from bikd_core.training.loop import Loop
from bikd_core.training.measure import random_split
from bikd_core.training.together import Together

NUMBERS_OF_SEEDS = (1, 2, 5, 10)
#: So many epochs that the learning rate stays constant.
DIGITS: dict[str, Any] = {"epochs": 10_000}
CIFAR = DIGITS | {"dataset": "cifar10", "teacher_model": "resnet20", "student": "resnet8"}
WAYS: dict[str, dict[str, Any]] = {
    "KD": {"method": "kd"},
    "BiKD, forward": {"estimator": "forward"},
    "BiKD, finite_difference": {"estimator": "finite_difference"},
}
SINGLE, TOGETHER = "single", "together"
CIFAR_BATCHES = 2  # of an epoch: its steps take all the time


def measure(repeats: int, student: str = "digits_cnn_s") -> list[Row]:
    """Return a row for each method and number of seeds; medians of turns.

    Args:
        repeats: Turns of each way.
        student: A digits network, or resnet8, which is timed on CIFAR-10's shape.
    """
    keep_freed_memory()  # as in every process that trains
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = []
    try:
        for method, controls in WAYS.items():
            for num_seeds in NUMBERS_OF_SEEDS:
                base = CIFAR if student == "resnet8" else DIGITS | {"student": student}
                rows.append(_row(method, base | controls, num_seeds, repeats))
    finally:
        torch.set_num_threads(threads)
    return rows


def _row(method: str, controls: dict[str, Any], num_seeds: int, repeats: int) -> Row:
    alone, shared = _loops(controls, num_seeds), Together(_loops(controls, num_seeds))

    def one_by_one() -> float:
        return _seconds(lambda: [list(loop.run_epoch(Control())) for loop in alone])

    def together() -> float:
        return _seconds(lambda: shared.run_epoch(Control()))

    turns = in_turns({SINGLE: one_by_one, TOGETHER: together}, repeats)
    return {
        "dataset": alone[0].config.data.dataset,
        "student": alone[0].config.models.student,
        "method": method,
        "num_seeds": num_seeds,
        "seconds_an_epoch_and_seed": statistics.median(turn[TOGETHER] for turn in turns)
        / num_seeds,
        "speedup_to_single": statistics.median(turn[SINGLE] / turn[TOGETHER] for turn in turns),
    }


def _loops(controls: dict[str, Any], num_seeds: int) -> list[Loop]:
    configs = [RunConfig.from_flat(controls | {"seed": seed}) for seed in range(num_seeds)]
    split = _split(configs[0])
    num_classes, (_, channels, size, _) = len(split.class_names), split.train.images.shape
    name, draw = configs[0].models.teacher_model, torch.Generator().manual_seed(0)
    teacher = build(name, num_classes, channels, size, draw).eval().requires_grad_(False)
    return [Loop(config, split, teacher, resolve_device("auto")) for config in configs]


def _split(config: RunConfig) -> LongTailSplit:
    if config.data.dataset == "digits":
        return load_split(config.data, Path())  # they come with a package
    return random_split(config, num_batches=CIFAR_BATCHES)


def _seconds(train: Callable[[], Iterable[object]]) -> float:
    start = time.perf_counter()
    for _ in train():
        pass
    return time.perf_counter() - start
