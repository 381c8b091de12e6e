"""The hypergradient through several virtual steps of the student: a true unroll.

From the student's parameters θ_0 = θ, with the weights s(θ_t, φ) that the weight net φ gives the
batch at the student's losses at θ_t,

    θ_{t+1} = θ_t - f·η ∇_θ ( 1/B · Σ_ij c_ij·s_ij · l_ij )(θ_t),   s and c held in this gradient,

and the hypergradient is that of L_val(θ_T) by φ, over f, through all of it: by the weights of each
step, and by the losses that the net sees in the later ones. With T = 1 it is what
`bikd_core.hypergradients` computes.

All T steps take the batch of the student's own step: its next batches are not drawn yet, and to
begin further back with its last ones, a method would have to keep those batches and the student of
that moment. The steps are plain SGD, as the virtual step always is.

Source: truncated back-propagation through inner steps, as in Franceschi et al., ICML 2018,
    arXiv:1806.04910, and Shaban et al., AISTATS 2019, arXiv:1810.10667. They go back through steps
    that the student has taken; here T steps lie ahead of it, all on one batch.

B images of a batch, C classes, J losses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bikd_core.hypergradients import (
    Hypergradient,
    InnerBatch,
    Inside,
    OuterBatch,
    outer_loss_at,
    parameters,
)
from bikd_core.models.in_place_of import logits_at


class Unrolled(NamedTuple):
    """What goes back through the steps."""

    found: Hypergradient  # by c·s, (B, J): the sum over the steps
    of_net: tuple[Tensor, ...]  # by the weight net's parameters, in their order and shapes


def through_steps(
    num_steps: int,
    student: nn.Module,
    inner: InnerBatch,
    outer: OuterBatch,
    weigh: Callable[[Tensor], Tensor],
    weight_net: nn.Module,
    class_shifts: Tensor | None,
    learning_rate: float,
    virtual_step: float,
) -> Unrolled:
    """Return the gradients of L_val after some virtual steps.

    Args:
        num_steps: T.
        student: In training mode; its parameters and buffers do not change.
        inner: The training batch of all virtual steps.
        outer: The D_val batch on which the virtual student is judged.
        weigh: The student's logits (B, C) to c·s (B, J), differentiable by them and by the net.
        weight_net: φ.
        class_shifts: Inside the losses, (1 or J, C), or None; held in `weigh`.
        learning_rate: η.
        virtual_step: f, more than 0.
    """
    point = {name: value.requires_grad_() for name, value in parameters(student).items()}
    shifts = None if class_shifts is None else class_shifts.detach().requires_grad_()
    rate = virtual_step * learning_rate
    added: Tensor | None = None  # (B, J): 0 on each step's c·s, for the gradient by it
    for _ in range(num_steps):
        logits = logits_at(student, point, inner.images)
        losses, weights = inner.losses(logits, shifts), weigh(logits)
        added = torch.zeros_like(weights, requires_grad=True) if added is None else added
        counts = 1 / losses.shape[-2] if inner.shares is None else inner.shares[..., None]
        # Not of the weighted sum: the weights are held in the student's own gradient.
        slopes = torch.autograd.grad(
            losses, list(point.values()), counts * (weights + added), create_graph=True
        )
        pairs = zip(point.items(), slopes, strict=True)
        point = {name: value - rate * slope for (name, value), slope in pairs}
    outer_loss, outer_logits = outer_loss_at(student, point, outer)
    assert added is not None  # num_steps is at least 1
    wanted = [added, *weight_net.parameters(), *([] if shifts is None else [shifts])]
    # In a warm-up the weights do not depend on the net.
    slopes = torch.autograd.grad(outer_loss, wanted, materialize_grads=True)
    of_weights, *others = (slope / virtual_step for slope in slopes)
    of_shifts = None if shifts is None else others.pop()
    found = Hypergradient(Inside(of_weights, of_shifts), outer_loss.detach(), outer_logits.detach())
    return Unrolled(found, tuple(others))
