"""A small bilevel problem: student, batches, weights, and the definition to compare with."""

import pytest
import torch
from torch import nn

from bikd_core.hypergradients import (
    Inside,
    OuterBatch,
    inner_gradient,
    pair_of,
    parameters,
)
from bikd_core.losses import NO_SHIFT, meta_loss
from bikd_core.models.in_place_of import logits_at

LR, TAU = 0.1, 3.0
NUM_CLASSES = 5


def small_net(dtype):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AvgPool2d(3),
        nn.Flatten(),
        nn.Linear(16, NUM_CLASSES),
    )
    return net.to(dtype).train()


def drawn(count, seed, shape, dtype, device):
    """Random images, labels and teacher logits of `count` images."""
    draw = torch.Generator().manual_seed(seed)
    images, logits = (
        torch.randn(count, *size, generator=draw, dtype=torch.float64).to(device, dtype)
        for size in (shape, (NUM_CLASSES,))
    )
    return images, torch.randint(0, NUM_CLASSES, (count,), generator=draw).to(device), 2 * logits


def problem(net, shape, dtype, device, meta="mix", shift=NO_SHIFT):
    net.to(device)
    inner = pair_of(*drawn(9, 1, shape, dtype, device), TAU, shift)
    outer = OuterBatch(*drawn(7, 2, shape, dtype, device), TAU, meta)
    draw = torch.Generator().manual_seed(3)
    weights = torch.rand(9, 2, generator=draw, dtype=torch.float64).to(device, dtype)
    return net, inner, outer, Inside(weights)


def outer_loss_at(net, inner, outer, inside):
    """Return the loss on D_val after a virtual step: the definition itself."""
    gradient = inner_gradient(net, inner, inside).gradient
    virtual = {name: p - LR * gradient[name] for name, p in parameters(net).items()}
    logits = logits_at(net, virtual, outer.images)
    if outer.predict is not None:
        logits = outer.predict(logits)
    return meta_loss(outer.meta_loss, logits, outer.labels, outer.teacher_logits, TAU).item()


def assert_agrees_with_brute_force(found, net, inner, outer, inside, limit=1e-5):
    eps = 1e-5
    for i, j in [(0, 0), (2, 1), (5, 0), (8, 1)]:
        bump = torch.zeros_like(inside.weights)
        bump[i, j] = eps
        above = outer_loss_at(net, inner, outer, Inside(inside.weights + bump))
        below = outer_loss_at(net, inner, outer, Inside(inside.weights - bump))
        assert found[i, j].item() == pytest.approx((above - below) / (2 * eps), rel=limit)


def relative_difference(found, expected):
    return ((found - expected).norm() / expected.norm()).item()
