"""Times an epoch as the problem grows: images ×1 … ×16, classes 10 … 100, inner steps 1 … 20."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np
import torch

from bikd_core.bench.report import Row
from bikd_core.bench.turns import in_turns
from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.events import EpochDone
from bikd_core.models import build
from bikd_core.training import resolve_device
from bikd_core.training.compute import keep_freed_memory
from bikd_core.training.loop import Loop
from bikd_core.training.measure import random_split

BASE = {
    "dataset": "cifar100",
    "teacher_model": "resnet8",
    "student": "resnet8",
    "meta_loss": "hard",
    "batch_size": 50,
}
BATCHES = (2, 4, 8, 16, 32)  # images ×1 … ×16
CLASSES = (10, 20, 50, 100)
INNER_STEPS = (1, 5, 20)
NUM_VAL = 100
NUM_BATCHES = 12  # per epoch while classes or inner steps grow


def measure(repeats: int) -> list[Row]:
    """Return rows with seconds of an epoch, evaluation included, and their ratio to the smallest.

    The seconds are medians of `repeats` turns.
    """
    keep_freed_memory()  # as in every process that trains
    rows = _rows("images", repeats, {50 * n: _epoch(num_batches=n) for n in BATCHES})
    fit = _r_squared([row["value"] for row in rows], [row["seconds"] for row in rows])
    for row in rows:
        row["r_squared"] = fit
    rows += _rows("classes", repeats, {n: _epoch(num_classes=n) for n in CLASSES})
    rows += _rows("inner steps", repeats, {k: _epoch(inner_steps=k) for k in INNER_STEPS})
    return rows


def _epoch(
    num_batches: int = NUM_BATCHES, num_classes: int = 100, inner_steps: int = 1
) -> Callable[[], float]:
    val = {"val_per_class": NUM_VAL // num_classes}  # so that D_val does not grow with the classes
    config = RunConfig.from_flat(BASE | val | {"inner_steps": inner_steps, "epochs": 10_000})
    split = random_split(config, num_batches=num_batches, num_classes=num_classes)
    draw = torch.Generator().manual_seed(0)
    teacher = build(config.models.teacher_model, num_classes, 3, 32, draw).eval()
    loop = Loop(config, split, teacher.requires_grad_(False), resolve_device("auto"))

    def seconds() -> float:
        events = loop.run_epoch(Control())
        return next(event.seconds for event in events if isinstance(event, EpochDone))

    return seconds


def _rows(what: str, repeats: int, epochs: dict[int, Callable[[], float]]) -> list[Row]:
    turns = in_turns(epochs, repeats)
    medians = {value: statistics.median(turn[value] for turn in turns) for value in epochs}
    smallest = next(iter(medians.values()))
    return [
        {
            "grows": what,
            "value": value,
            "seconds": median,
            "ratio_to_first": median / smallest,
            "r_squared": None,
        }
        for value, median in medians.items()
    ]


def _r_squared(values: list[float], seconds: list[float]) -> float:
    """Return R² of the straight line fitted to the points."""
    return float(np.corrcoef(values, seconds)[0, 1] ** 2)
