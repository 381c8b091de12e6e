"""Times an epoch of the default digits run and of CIFAR-10-LT at factor 100.

The ways to train take turns. A ratio is the median of the ratios within each turn.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from bikd_core.bench.report import Row
from bikd_core.bench.turns import in_turns
from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.data.long_tail import load_split
from bikd_core.events import EpochDone
from bikd_core.models import build
from bikd_core.places import Places
from bikd_core.training import resolve_device, train
from bikd_core.training.compute import keep_freed_memory
from bikd_core.training.loop import Loop

#: CIFAR-10-LT with its full tail, and a pair that a laptop can train. The teacher is untrained,
#: since its answers do not change the time.
CIFAR: dict[str, Any] = {
    "dataset": "cifar10",
    "imbalance_factor": 100,
    "teacher_model": "resnet20",
    "student": "resnet8",
    "meta_loss": "hard",
}
KD = "KD, float32"
DIGITS_WAYS: dict[str, dict[str, Any]] = {
    KD: {"method": "kd"},
    "BiKD forward, float32": {"estimator": "forward"},
    "BiKD finite_difference, float32": {"estimator": "finite_difference"},
}
CIFAR_WAYS = DIGITS_WAYS | {
    "BiKD forward, bfloat16": {"estimator": "forward", "precision": "bfloat16"},
    "BiKD finite_difference, bfloat16": {
        "estimator": "finite_difference",
        "precision": "bfloat16",
    },
}


class Timing(NamedTuple):
    """The amount of training, and the seconds that it took."""

    epochs: int
    steps: int
    seconds: float


def measure(repeats: int, data_dir: Path | None) -> list[Row]:
    """Return rows with seconds of whole digits runs and of epochs of CIFAR-10-LT; medians of turns.

    Args:
        repeats: Turns of each way to train.
        data_dir: Folder that holds CIFAR-10; None leaves it out.
    """
    keep_freed_memory()  # as in every process that trains
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads - 1))  # as for a run of the page
    with tempfile.TemporaryDirectory() as home:
        ways = {
            way: _digits(controls, Places.at(Path(home))) for way, controls in DIGITS_WAYS.items()
        }
        rows = _rows("digits, the whole run", ways, repeats)
    torch.set_num_threads(threads)
    if data_dir is not None:
        ways = {way: _cifar(controls, data_dir) for way, controls in CIFAR_WAYS.items()}
        rows += _rows("CIFAR-10-LT ×100, ResNet-20 → 8", ways, repeats)
    return rows


def _digits(controls: Mapping[str, Any], places: Places) -> Callable[[], Timing]:
    config = RunConfig.from_flat(controls)

    def run() -> Timing:
        start = time.perf_counter()
        last = [e for e in train(config, places=places) if isinstance(e, EpochDone)][-1]
        return Timing(last.epoch, last.step, time.perf_counter() - start)

    return run


def _cifar(controls: dict[str, Any], data_dir: Path) -> Callable[[], Timing]:
    # So many epochs that the learning rate stays constant.
    config = RunConfig.from_flat(CIFAR | {"epochs": 10_000} | controls)
    split = load_split(config.data, data_dir)
    shape = (len(split.class_names), 3, 32)
    teacher = build(config.models.teacher_model, *shape, torch.Generator().manual_seed(0)).eval()
    loop = Loop(config, split, teacher.requires_grad_(False), resolve_device("auto"))

    def epoch() -> Timing:
        before = loop.num_steps
        done = next(e for e in loop.run_epoch(Control()) if isinstance(e, EpochDone))
        return Timing(1, done.step - before, done.seconds)

    return epoch


def _rows(run: str, ways: dict[str, Callable[[], Timing]], repeats: int) -> list[Row]:
    turns = in_turns(ways, repeats)
    rows = []
    for way in ways:
        seconds = statistics.median(turn[way].seconds for turn in turns)
        epochs, steps, _ = turns[0][way]
        row: Row = {
            "run": run,
            "way": way,
            "epochs": epochs,
            "steps_an_epoch": steps // epochs,
            "seconds": seconds,
            "seconds_an_epoch": seconds / epochs,
            "ratio_to_kd": statistics.median(
                turn[way].seconds / turn[KD].seconds for turn in turns
            ),
        }
        rows.append(row)
    return rows
