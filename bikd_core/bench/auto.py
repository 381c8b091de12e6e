"""Measures what "auto" chooses from: the time and the error of each approximation, by student.

The step is Meta-Weight-Net's, which has no teacher, so that nothing but the student's own passes is
timed. The ways take turns; a gain is the median of the ratios within each turn. On a CPU the
process's own seconds count, which other work on the machine hardly changes. Errors are those of
∂L_val/∂w relative to `forward` in float32, after a few steps of training, on real images where a
data set is installed and on random ones elsewhere, which are easier.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import torch

from bikd_core.bench.report import Row, machine
from bikd_core.bench.turns import in_turns
from bikd_core.config import (
    MODEL_IMAGES,
    SOURCE_FACTS,
    ConfigError,
    Estimator,
    Precision,
    RunConfig,
)
from bikd_core.data.long_tail import LongTailSplit, load_split
from bikd_core.data.sources import source_of
from bikd_core.hypergradients import Inside, OuterBatch, hypergradient, pair_of
from bikd_core.models.network import computing_in
from bikd_core.store.files import replace_text
from bikd_core.training import resolve_device
from bikd_core.training.compute import keep_freed_memory
from bikd_core.training.loop import Loop
from bikd_core.training.measure import random_split

NUM_STEPS, NUM_CHECKED = 20, 3  # steps of training before an error is taken; batches it is taken on
TURN_S = 0.3  # a turn has so many steps as this takes, at least one
TOO_SLOW = 0.5  # a gain below this needs no second look
TEMPERATURE = 4.0

Way = tuple[Estimator, Precision]
EXACT: Way = ("forward", "float32")
FASTER: dict[str, Way] = {
    "finite_difference": ("finite_difference", "float32"),
    "bfloat16": ("forward", "bfloat16"),
}


def measure(
    students: tuple[str, ...], repeats: int, batch_size: int | None, data_dir: Path
) -> list[Row]:
    """Return a row of the table for each student, on the device that a run would take.

    Args:
        students: Keys of `MODEL_IMAGES`; (): all of them.
        repeats: Turns of each way.
        batch_size: Images a step; None: as many as the data set's default.
        data_dir: The data sets; what is not in it is not downloaded.
    """
    keep_freed_memory()  # as in every process that trains
    if unknown := set(students) - set(MODEL_IMAGES):
        raise ConfigError(
            f"students = {', '.join(sorted(unknown))!r} is not possible: they must be some of "
            f"{', '.join(MODEL_IMAGES)}."
        )
    students = students or tuple(MODEL_IMAGES)
    return [_row(student, repeats, batch_size, data_dir) for student in students]


def merge(rows: Sequence[Row], path: Path) -> None:
    """Put measured rows into a table, in place of its own for the same student and device."""
    new = {(row["student"], row["device"]): row for row in rows}
    old = json.loads(path.read_text(encoding="utf-8"))
    kept = [new.pop((row["student"], row["device"]), row) for row in old]
    lines = ",\n".join(f"  {json.dumps(row)}" for row in [*kept, *new.values()])
    replace_text(path, f"[\n{lines}\n]\n")


def _row(student: str, repeats: int, batch_size: int | None, data_dir: Path) -> Row:
    dataset, is_real = _dataset_for(student, data_dir)
    config = RunConfig.from_flat(
        {"dataset": dataset, "method": "meta_weight_net", "student": student}
    )
    if batch_size is not None:
        config = config.changed(batch_size=batch_size)
    split = random_split(config, num_batches=NUM_STEPS + NUM_CHECKED)
    if is_real:
        split = load_split(config.data, data_dir)
    exact, errors = _loop(config, EXACT), _errors(_loop(config, EXACT, split))
    images = dataset if is_real else "random images"
    row: Row = {
        "student": student,
        "device": exact.device.type,
        "source": f"{_machine()}; {images}, batches of {config.training.batch_size}",
    }
    for name, way in FASTER.items():
        row[f"{name}_gain"] = _gain(exact, _loop(config, way), repeats)
        row[f"{name}_error"] = errors[way]
    return row


def _gain(exact: Loop, faster: Loop, repeats: int) -> float:
    """Return how many times as fast the second loop is; one look is enough if it is far slower."""
    once = _seconds(exact, 1)
    _seconds(faster, 1)  # allocates memory and chooses kernels
    first = once / _seconds(faster, 1)
    if first < TOO_SLOW:
        return first
    num_steps = max(1, round(TURN_S / once))
    ways = {loop: partial(_seconds, loop, num_steps) for loop in (exact, faster)}
    return statistics.median(turn[exact] / turn[faster] for turn in in_turns(ways, repeats))


def _dataset_for(student: str, data_dir: Path) -> tuple[str, bool]:
    """Return an installed data set whose images a student takes, and True; else any, and False."""
    fitting = [
        name
        for name, facts in SOURCE_FACTS.items()
        if (facts.channels, facts.size) == MODEL_IMAGES[student]
    ]
    for name in fitting:
        with suppress(FileNotFoundError):
            source_of(name).read(data_dir)
            return name, True
    return fitting[0], False


def _loop(config: RunConfig, way: Way, split: LongTailSplit | None = None) -> Loop:
    """Return a loop on a split, or on one batch of random images."""
    estimator, precision = way
    config = config.changed(estimator=estimator, precision=precision)
    split = split or random_split(config, num_batches=1)
    loop = Loop(config, split, None, resolve_device("auto"))
    loop.student.train()
    return loop


def _seconds(loop: Loop, num_steps: int) -> float:
    """Return the seconds of so many steps on one batch."""
    record, rows = loop.new_record(), torch.arange(loop.config.training.batch_size)
    clock = time.process_time if loop.device.type == "cpu" else time.perf_counter
    start = clock()
    for _ in range(num_steps):
        loop.step(rows, record, 1, under_lens=False)
    if loop.device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def _errors(loop: Loop) -> dict[Way, float]:
    """Train for a few steps; return the median error of each faster way in the next ones."""
    record = loop.new_record()
    errors: dict[Way, list[float]] = {way: [] for way in FASTER.values()}
    batches = (rows for epoch in range(100) for rows in loop.feed.epoch_batches(epoch))
    for number, rows in zip(range(NUM_STEPS + NUM_CHECKED), batches, strict=False):
        if number >= NUM_STEPS:
            found = _slopes(loop, rows)
            exact = found.pop(EXACT)
            for way, slopes in found.items():
                errors[way].append(float((slopes - exact).norm() / exact.norm()))
        loop.step(rows, record, 1, under_lens=False)
    return {way: statistics.median(values) for way, values in errors.items()}


def _slopes(loop: Loop, rows: torch.Tensor) -> dict[Way, torch.Tensor]:
    """Return ∂L_val/∂w of a batch, (B, 2), by each way: of the hard and of a uniform soft loss."""
    train, val = loop.feed.training_batch(rows, 0)[0], loop.feed.next_guide(0)
    uniform = torch.zeros(len(train.labels), len(loop.split.class_names), device=loop.device)
    inner = pair_of(train.images, train.labels, uniform, TEMPERATURE)
    outer = OuterBatch(val.images, val.labels, None, TEMPERATURE, "hard")
    inside = Inside(torch.full((len(train.labels), 2), 0.5, device=loop.device))
    rate = loop.config.training.learning_rate
    found = {}
    for estimator, precision in (EXACT, *FASTER.values()):
        with computing_in(loop.student, precision):
            slopes = hypergradient(estimator, loop.student, inner, outer, inside, rate)
        found[estimator, precision] = slopes.inside.weights
    return found


def _machine() -> str:
    """Return the processor or card, cores and torch's version in one phrase."""
    found = machine()
    name = found["accelerator"] if found["accelerator"] != "none" else found["processor"]
    return f"{name}, {found['cores']} cores, torch {found['torch']}"
