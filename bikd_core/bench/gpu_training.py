"""Trains a teacher, then BiKD, its strongest rival and KD, for as many epochs as fit."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from bikd_core.bench.gpu_results import Deadline
from bikd_core.bench.report import Row
from bikd_core.config import RunConfig
from bikd_core.config.presets import METHOD_PRESETS
from bikd_core.control import Control
from bikd_core.data.long_tail import LongTailSplit, load_split
from bikd_core.events import ClassBiasesFitted, EpochDone, RunStarted, TeacherEpochDone
from bikd_core.models import build
from bikd_core.places import Places
from bikd_core.speed import Speed
from bikd_core.teachers.files import save_teacher, teacher_name
from bikd_core.training import resolve_device, teacher_config, train, train_teacher
from bikd_core.training.loop import Loop
from bikd_core.training.measure import random_split

#: In this order. On CIFAR-10-LT prior-shifted KD is the method that BiKD does not lead.
METHODS: dict[str, dict[str, Any]] = {
    "BiKD, relative weights over prior_kd": METHOD_PRESETS["relative"],
    "prior_kd": {"method": "prior_kd"},
    "KD": {"method": "kd"},
}
TEACHER = "teacher"
ACCURACIES = ("accuracy", "accuracy_many", "accuracy_medium", "accuracy_few")
_WARM_UP_STEPS, _TIMED_STEPS = 5, 20  # of the timed steps two have a hypergradient
_SLACK = 0.85  # share of the time that the epochs are planned for


def train_all(
    controls: Mapping[str, Any], max_epochs: int, data_dir: Path, deadline: Deadline
) -> Iterator[list[Row]]:
    """Train the teacher and each method in turn; yield all rows after each epoch.

    Args:
        controls: Data set and models.
        max_epochs: At most so many epochs for each.
        data_dir: Folder of the data set, or of its cut.
        deadline: Ends the training that is under way, after its step.

    Raises:
        ValueError: The data set cannot be used.
    """
    configs = {name: RunConfig.from_flat({**controls, **own}) for name, own in METHODS.items()}
    device = resolve_device("auto")
    split = load_split(configs["KD"].data, data_dir)
    epochs = planned_epochs(list(configs.values()), max_epochs, device, deadline)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as home:
        places = Places.at(Path(home), data_dir)
        for row in _teacher(configs["KD"], epochs, split, device, places, deadline):
            yield [row]
        rows.append(row)
        if row["ended"] != "finished":
            return
        for name, config in configs.items():
            for row in _method(name, config.changed(epochs=epochs), places, deadline):
                yield [*rows, row]
            rows.append(row)
            if row["ended"] != "finished":
                return


def planned_epochs(
    configs: list[RunConfig], max_epochs: int, device: torch.device, deadline: Deadline
) -> int:
    """Return the epochs that fit, the same for the teacher and each run; at least 1."""
    if max_epochs == 1:
        return 1
    seconds = sum(_epoch_seconds(c, device) for c in (teacher_config(configs[0]), *configs))
    return min(max_epochs, max(1, int(_SLACK * deadline.left_s / seconds)))


def _epoch_seconds(config: RunConfig, device: torch.device) -> float:
    """Return about how long an epoch takes, from some steps on random images."""
    split, teacher = random_split(config, num_batches=1), None
    if config.needs_whole_teacher:
        num_classes, (_, channels, size, _) = len(split.class_names), split.train.images.shape
        shape = (num_classes, channels, size)
        teacher = build(config.models.teacher_model, *shape, torch.Generator()).to(device).eval()
        teacher.requires_grad_(False)
    loop = Loop(config, split, teacher, device)
    loop.student.train()
    record, positions = loop.new_record(), torch.arange(config.training.batch_size)
    for number in range(_WARM_UP_STEPS + _TIMED_STEPS):
        if number == _WARM_UP_STEPS:
            start = time.perf_counter()
        loop.step(positions, record, 1, under_lens=False)
    loop.logits(loop.student, loop.test_set)  # waits for the device
    step = (time.perf_counter() - start) / _TIMED_STEPS
    start = time.perf_counter()
    loop.logits(loop.student, loop.test_set)
    evaluation = time.perf_counter() - start
    speed = Speed(step / config.training.batch_size, evaluation / len(loop.test_set))
    return speed.seconds(config.data, 1)


def _teacher(
    config: RunConfig,
    epochs: int,
    split: LongTailSplit,
    device: torch.device,
    places: Places,
    deadline: Deadline,
) -> Iterator[Row]:
    """Yield the teacher's row after each epoch and at the end, when it is stored."""
    own = teacher_config(config).changed(epochs=epochs)
    row = _first_row(TEACHER, own, split.fingerprint)
    with _stopping_at(deadline) as control:
        training = train_teacher(own, split, device, control, "bikd bench gpu")
        trained = yield from _teacher_rows(training, row)
    if trained is not None:
        name = teacher_name(split, config.models.teacher_model)
        save_teacher(places.teachers, name, *trained)
    yield row | {"ended": "cut off" if trained is None else "finished", "peak_mb": _peak_mb()}


def _teacher_rows(training: Generator[Any, None, Any], row: Row) -> Generator[Row, None, Any]:
    """Pass on what a teacher's training returns; yield its row after each epoch."""
    while True:
        try:
            event = next(training)
        except StopIteration as end:
            return end.value
        if isinstance(event, TeacherEpochDone):
            row["epoch"], row["accuracy"] = event.epoch, event.accuracy
            row["seconds"] += event.seconds
            yield row


def _method(name: str, config: RunConfig, places: Places, deadline: Deadline) -> Iterator[Row]:
    """Yield a method's row after each epoch and at the end."""
    row = _first_row(name, config, "")
    with _stopping_at(deadline) as control:
        for event in train(config, control, places):
            if isinstance(event, EpochDone):
                row |= {field: getattr(event, field) for field in ("epoch", *ACCURACIES)}
                row["images_per_second"] = event.images_per_second
                row["seconds"] += event.seconds
                yield row
            elif isinstance(event, ClassBiasesFitted):
                row |= {f"{field}_with_biases": getattr(event, field) for field in ACCURACIES}
            elif isinstance(event, RunStarted):
                row["fingerprint"] = event.data_fingerprint
    is_finished = row["epoch"] == row["epochs"]
    yield row | {"ended": "finished" if is_finished else "cut off", "peak_mb": _peak_mb()}


def _first_row(name: str, config: RunConfig, fingerprint: str) -> Row:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    return {
        "run": name,
        "student": config.models.student,
        "precision": config.training.precision,
        "fingerprint": fingerprint,
        "epochs": config.training.epochs,
        "epoch": 0,
        "seconds": 0.0,
        "ended": "running",
    }


def _peak_mb() -> float | None:
    return torch.cuda.max_memory_allocated() / 1e6 if torch.cuda.is_available() else None


@contextmanager
def _stopping_at(deadline: Deadline) -> Iterator[Control]:
    """Give a control that stops the training at the deadline."""
    control = Control()
    timer = threading.Timer(deadline.left_s, control.stop)
    timer.daemon = True
    timer.start()
    try:
        yield control
    finally:
        timer.cancel()
