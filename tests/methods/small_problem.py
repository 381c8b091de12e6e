"""A little student in float64 with batches of its own, for tests of one bilevel step."""

import itertools

import torch
from torch import nn

from bikd_core.config import METHOD_CONFIGS
from bikd_core.methods import METHODS, Batch, Setting

COUNTS = (40, 9, 5, 1)
C, B, B_VAL, LR, TAU = len(COUNTS), 6, 3, 0.2, 3.0
SHARES = torch.tensor([1 / B] * B + [1 / B_VAL] * B_VAL, dtype=torch.float64)


def batch_of(size, seed, dtype=torch.float64, shares=None):
    draw = torch.Generator().manual_seed(seed)
    images = torch.randn(size, 5, generator=draw, dtype=torch.float64).to(dtype)
    labels = torch.randint(0, C, (size,), generator=draw)
    teacher = 2 * torch.randn(size, C, generator=draw, dtype=torch.float64)
    return Batch(images, labels, teacher.to(dtype), None if shares is None else shares.to(dtype))


def plain(name, dtype=torch.float64, num_epochs=10, counts=COUNTS, **options):
    """A method with a guide batch of its own in each step; its weight net is as it begins."""
    torch.manual_seed(0)
    own = METHOD_CONFIGS[name]
    if "temperature" in own.model_fields:
        options["temperature"] = TAU
    layers = (nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, C))
    guides = itertools.count(2)
    method = METHODS[name](
        Setting(
            options=own(**options),
            student=nn.Sequential(*layers).to(dtype).train(),
            next_val_batch=lambda: batch_of(7, next(guides), dtype),
            class_counts=counts,
            device=torch.device("cpu"),
            generator=torch.Generator().manual_seed(0),
            num_epochs=num_epochs,
            weights_generator=torch.Generator().manual_seed(1),
        )
    )
    if method.weight_net is not None:
        method.weight_net.to(dtype)
        if method.class_shifts is not None:
            method.class_shifts.data = method.class_shifts.data.to(dtype)
    return method


def make(name="bikd", **options):
    """The same with a weight net that tells images apart, and with class shifts."""
    method = plain(name, **options)
    draw = torch.Generator().manual_seed(5)
    last = method.weight_net.layers[-2]
    with torch.no_grad():
        for parameter in (last.weight, last.bias):
            parameter.copy_(torch.randn(parameter.shape, generator=draw))
        if method.class_shifts is not None:
            method.class_shifts.data = torch.randn(
                method.class_shifts.shape, generator=draw
            ).double()
    return method
