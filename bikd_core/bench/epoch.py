"""How long an epoch takes: the default digits run, and CIFAR-10-LT at factor 100."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import torch

from bikd_core.bench.report import Row
from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.data.long_tail import load_split
from bikd_core.events import EpochDone
from bikd_core.models import build
from bikd_core.places import Places
from bikd_core.training import resolve_device, train
from bikd_core.training.loop import Loop

#: CIFAR-10-LT, full length of the tail; a pair that a laptop trains. The teacher knows nothing:
#: time does not depend on what it says.
CIFAR = {
    "dataset": "cifar10",
    "imbalance_factor": 100,
    "teacher_model": "resnet20",
    "student": "resnet8",
    "meta_loss": "hard",
}
WAYS = {
    "KD, float32": {"method": "kd"},
    "BiKD forward, float32": {},
    "BiKD finite_difference, float32": {"estimator": "finite_difference"},
    "BiKD forward, bfloat16": {"precision": "bfloat16"},
}


def measure(repeats: int, data_dir: Path | None) -> list[Row]:
    """Seconds of the whole digits run, `repeats` times, and of CIFAR-10-LT's epochs, once each."""
    rows = [_digits(repeats)]
    if data_dir is not None:
        rows += [_cifar(way, controls, data_dir) for way, controls in WAYS.items()]
    return rows


def _digits(repeats: int) -> Row:
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads - 1))  # as a run beside the page has
    config = RunConfig()
    taken, steps = [], 0
    with tempfile.TemporaryDirectory() as home:
        places = Places.at(Path(home))
        for _ in range(repeats + 1):
            start = time.perf_counter()
            done = [e for e in train(config, places=places) if isinstance(e, EpochDone)]
            taken.append(time.perf_counter() - start)
            steps = done[-1].step
    torch.set_num_threads(threads)
    seconds = statistics.median(taken[1:])  # the first imports and allocates
    epochs = config.training.epochs
    return _row("digits", "BiKD forward, float32", epochs, steps // epochs, seconds)


def _cifar(way: str, controls: dict[str, str], data_dir: Path) -> Row:
    config = RunConfig.from_flat(CIFAR | controls)
    split = load_split(config.data, data_dir)
    shape = (len(split.class_names), 3, 32)
    teacher = build(config.models.teacher_model, *shape, torch.Generator().manual_seed(0)).eval()
    loop = Loop(config, split, teacher.requires_grad_(False), resolve_device("auto"))
    done = next(e for e in loop.run_epoch(Control()) if isinstance(e, EpochDone))
    return _row("CIFAR-10-LT ×100, ResNet-20 → 8", way, 1, done.step, done.seconds)


def _row(run: str, way: str, epochs: int, steps: int, seconds: float) -> Row:
    return {
        "run": run,
        "way": way,
        "epochs": epochs,
        "steps_an_epoch": steps,
        "seconds": seconds,
        "seconds_an_epoch": seconds / epochs,
    }
