"""How fast a config would train here: a few steps on random pictures of the right shape.

Neither files nor a trained teacher are needed, since time does not depend on what is in them.
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
from bikd_core.methods import METHODS
from bikd_core.models import build
from bikd_core.speed import Speed, Speeds
from bikd_core.training.loop import Loop
from bikd_core.training.start import resolve_device, teacher_config

_NUM_STEPS = 4  # the first is not counted: it allocates and chooses kernels
_FEW = 8  # images of a first, quick look
_BUDGET_S = 2.0  # for the steps of a whole batch, if the quick look promises it


def measure(config: RunConfig, is_cancelled: Callable[[], bool]) -> Speeds | None:
    """Time a few steps of a run and of its teacher's training; None when cancelled meanwhile."""
    device = resolve_device(config.training.device)
    net: nn.Module | None = None
    teacher: Speed | None = None
    if METHODS[config.method.method].needs_teacher:
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
    """Of whole batches, or of small ones where a whole one would take long: a rough guide."""
    batch_size = config.training.batch_size
    quick = _time(config.changed(batch_size=_FEW), teacher, device, is_cancelled)
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
    loop = Loop(config, random_split(config), teacher, device)
    control = Control()
    control.step("epoch")  # whoever steps gets an event after each step
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
    """Pictures of noise in the shape of a config's data set, so many batches of them.

    Four steps are timed: one more batch, so that the epoch does not end.
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
