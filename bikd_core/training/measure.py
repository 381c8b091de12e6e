"""Measures how fast a config trains here, by a few steps on random images of the right shape.

It needs no files and no trained teacher, since the time does not depend on what is in them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

import torch
from torch import nn

from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.data.image_set import ImageSet
from bikd_core.data.long_tail import LongTailSplit
from bikd_core.data.sources import facts_of
from bikd_core.events import StepDone
from bikd_core.models import build
from bikd_core.speed import Speed, Speeds
from bikd_core.training.loop import Loop
from bikd_core.training.start import resolve_device
from bikd_core.training.teachers import teacher_config

_NUM_STEPS = 4  # the first does not count: it allocates memory and chooses kernels
_SMALL_BATCH = 8  # images, for a first quick measurement
_BUDGET_S = 2.0  # full batches are timed only if the quick measurement predicts less


def measure(config: RunConfig, is_cancelled: Callable[[], bool]) -> Speeds | None:
    """Time a few steps of a run and of its teacher's training; return None if cancelled."""
    device = resolve_device(config.training.device)
    net: nn.Module | None = None
    teacher: Speed | None = None
    if config.method.facts.needs_teacher:
        facts = facts_of(config.data.dataset)
        shape = (facts.num_classes, facts.channels, facts.size)
        net = build(config.models.teacher_model, *shape, torch.Generator()).to(device).eval()
        teacher = _speed(teacher_config(config), None, device, is_cancelled)
    run = _speed(config, net, device, is_cancelled)
    return None if is_cancelled() or run is None else Speeds(run, teacher)


def _speed(
    config: RunConfig,
    teacher: nn.Module | None,
    device: torch.device,
    is_cancelled: Callable[[], bool],
) -> Speed | None:
    """Return the speed with full batches, or a rough one with small batches if those are slow."""
    batch_size = config.training.batch_size
    quick = _time(config.changed(batch_size=_SMALL_BATCH), teacher, device, is_cancelled)
    if quick is None or quick.training * batch_size * _NUM_STEPS > _BUDGET_S:
        return quick
    return _time(config, teacher, device, is_cancelled)


def _time(
    config: RunConfig,
    teacher: nn.Module | None,
    device: torch.device,
    is_cancelled: Callable[[], bool],
) -> Speed | None:
    batch_size = config.training.batch_size
    # Weights that begin late would not be met in the few steps that are timed.
    config = config.changed(outer_from=0.0)
    folds = [teacher] * config.num_fold_teachers if teacher is not None else []
    whole = teacher if config.needs_whole_teacher else None
    loop = Loop(config, random_split(config), whole, device, folds)
    control = Control()
    control.step("epoch")  # so that each step gives an event
    ends = []
    for event in loop.run_epoch(control):
        if is_cancelled():
            return None
        if isinstance(event, StepDone):
            ends.append(time.perf_counter())
        if len(ends) == _NUM_STEPS:
            control.stop()
    start = time.perf_counter()
    loop.logits(loop.student, loop.test_set)
    evaluation = time.perf_counter() - start
    step = median(end - start for start, end in pairwise(ends))
    return Speed(step / batch_size, evaluation / len(loop.test_set))


def random_split(
    config: RunConfig, *, num_batches: int = _NUM_STEPS + 1, num_classes: int | None = None
) -> LongTailSplit:
    """Return a split of random images in the shape of a config's data set.

    By default it has one batch more than `measure` times, so that the epoch does not end.
    """
    facts, batch_size = facts_of(config.data.dataset), config.training.batch_size
    num_classes = num_classes or facts.num_classes
    generator = torch.Generator().manual_seed(0)

    def images(count: int) -> ImageSet:
        shape = (count, facts.channels, facts.size, facts.size)
        pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        return ImageSet(pixels, torch.arange(count) % num_classes, torch.arange(count))

    return LongTailSplit(
        dataset=config.data.dataset,
        class_names=facts.class_names[:num_classes],
        train=images(num_batches * batch_size),
        val=images(config.data.val_per_class * num_classes),
        test=images(max(batch_size, num_classes)),
        class_counts=(1,) * num_classes,
        mean=(0.5,) * facts.channels,
        std=(0.25,) * facts.channels,
        fingerprint="random",
    )
