"""Gradient of the validation loss with respect to what is inside the inner loss.

With weights w and losses l of shape (B, J), J = 1 or 2, the virtual student is

    θ'(w) = θ - f·η ∇_θ ( 1/B · Σ_ij w_ij · l_ij(θ) ),

f = 1 as published. Since w enters linearly, with v = ∇L_val(θ') at f = 1,

    ∂L_val/∂w_ij = -η/B · v·∇_θ l_ij(θ) = -η/B · ⟨ ∂l_ij/∂z_i , ż_i ⟩,    ż = J_θ z · v.

f moves only the point at which v is taken; the result is the same inner product at every f. For
anything ψ inside the losses, such as class shifts, with ż held fixed,

    ∂L_val/∂ψ = -η · ∂/∂ψ ⟨ ∂L_tr/∂z , ż ⟩,

which for w is the line above. If the images do not all count the same in the inner loss, each
image's share replaces 1/B. All this needs only one directional derivative of the logits z.
`forward` gets it from what the student's own pass has read (`bikd_core.models.linearised`), or by
forward-mode differentiation where that does not serve; `finite_difference` by one more forward
pass; `unrolled` differentiates the definition, as the published code does, and stays as the slow
reference.

B batch, C classes. BatchNorm is in training mode throughout, and its running statistics do not
change; dropout has the same masks in all passes over one batch (`Network.seed`). K seeds that train
together have one more dimension in front of each shape, and of each parameter
(`bikd_core.models.stack`): the sum of their losses gives each its own gradient, since no seed's
loss depends on what is another's.

Source: "Balancing Knowledge Distillation for Imbalance Learning with Bilevel Optimization",
    arXiv:2605.17839, for the bilevel problem; the linear form is that of Ren et al., "Learning
    to Reweight Examples for Robust Deep Learning", ICML 2018, arXiv:1803.09050, section 3.3.
    Learned class shifts after Li et al., "AutoBalance", NeurIPS 2021, arXiv:2201.01212.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bikd_core.config import Estimator
from bikd_core.losses import (
    NO_SHIFT,
    PerSeed,
    Shift,
    loss_gradients,
    meta_loss,
    spread,
    student_losses,
)
from bikd_core.models.forward_mode import change_by_forward_mode
from bikd_core.models.in_place_of import logits_at, standing_in, trained_parameters
from bikd_core.models.linearised import Derivative, linearised
from bikd_core.models.network import (
    computing_in,
    drawing_otherwise,
    naming_missing_derivatives,
    precision_of,
)
from bikd_core.models.stack import Stack

Params = dict[str, Tensor]
#: Length of the finite-difference step in θ-space, relative to ‖θ‖. A shorter step drowns in
#: float32 rounding; a longer one moves more ReLUs across their kink, which hurts small networks
#: most. The error of ∂L_val/∂w on CIFAR-10 is 0.2 to 13 % on an untrained ResNet, and 0.07 to 0.9 %
#: after 20 steps.
FINITE_STEP = 2e-5


class InnerBatch(NamedTuple):
    """A training batch with the losses that the weights are for.

    Images are (B, …). Each image counts 1/B in the inner loss, or its entry of `shares` (B,).
    """

    images: Tensor
    #: Logits (B, C), and class shifts (1 or J, C) or None, to the losses (B, J), in nats.
    losses: Callable[[Tensor, Tensor | None], Tensor]
    shares: Tensor | None = None
    #: Logits (B, C) to the derivatives of the losses with respect to them, (B, J, C), without class
    #: shifts; None: by differentiation.
    slopes: Callable[[Tensor], Tensor] | None = None


class OuterBatch(NamedTuple):
    """A batch of D_val and the loss on it: images (B, …), labels (B,), teacher logits (B, C).

    The teacher's logits may be None if the loss does not need them. `predict` maps the student's
    logits to those that it predicts from, (B, C) -> (B, C). A `loss` of these, (B, C) -> (), takes
    the place of the meta loss.
    """

    images: Tensor
    labels: Tensor
    teacher_logits: Tensor | None
    temperature: PerSeed
    meta_loss: str
    predict: Callable[[Tensor], Tensor] | None = None
    loss: Callable[[Tensor], Tensor] | None = None


class Inside(NamedTuple):
    """What the inner loss holds besides θ: weights (B, J), and class shifts (1 or J, C) or None.

    Class shifts are added to the student's logits inside each loss; one row serves all losses.
    """

    weights: Tensor
    class_shifts: Tensor | None = None

    def map(self, change: Callable[[Tensor], Tensor]) -> Inside:
        """Return a function of each part that there is, (B, J) or (1 or J, C)."""
        shifts = self.class_shifts
        return Inside(change(self.weights), None if shifts is None else change(shifts))


class InnerGradient(NamedTuple):
    """The logits (B, C) at θ and ∇_θ of the inner loss, as the student's own step computes them."""

    logits: Tensor
    gradient: Params
    #: Of the logits, from the pass that gave them; None: forward mode takes a pass of its own.
    derivative: Derivative | None = None


class Hypergradient(NamedTuple):
    """The gradient of L_val with respect to each part, and what D_val gives at θ'."""

    inside: Inside  # gradients, in the shapes of the parts
    outer_loss: Tensor  # (), nats
    outer_logits: Tensor  # (B, C), those that are predicted from


def parameters(student: nn.Module) -> Params:
    """Return the parameters θ that are trained by name, detached from any graph."""
    return {name: value.detach() for name, value in trained_parameters(student).items()}


def pair_of(
    images: Tensor,
    labels: Tensor,
    teacher_logits: Tensor,
    temperature: float,
    shift: Shift = NO_SHIFT,
) -> InnerBatch:
    """Return a batch with the plain hard and soft loss; (B, …), (B,), (B, C).

    These are the two losses that published BiKD weights, with constants added to the logits.
    """

    def losses(logits: Tensor, class_shifts: Tensor | None) -> Tensor:
        moved = shift.moved(class_shifts)
        return student_losses(logits, teacher_logits, labels, temperature, moved)

    def slopes(logits: Tensor) -> Tensor:
        return loss_gradients(logits, teacher_logits, labels, temperature, shift)

    return InnerBatch(images, losses, slopes=slopes)


def inner_loss(logits: Tensor, batch: InnerBatch, inside: Inside) -> Tensor:
    """Return the weighted inner loss; logits (B, C) -> (), in nats.

    It is 1/B · Σ_ij w_ij·l_ij, with the batch's shares in place of 1/B if given.
    """
    losses = batch.losses(logits, inside.class_shifts)
    return weighted_mean(losses, inside.weights, batch.shares)


def weighted_mean(losses: Tensor, weights: Tensor, shares: Tensor | None) -> Tensor:
    """Return 1/B · Σ_ij w_ij·l_ij, with shares (B,) in place of 1/B if given; (B, J) each -> ().

    Of seeds that train together it is the sum.
    """
    weighted = weights * losses
    if shares is None:
        return weighted.sum() / weighted.shape[-2]
    return (shares * weighted.sum(dim=-1)).sum()


def inner_gradient(student: nn.Module, batch: InnerBatch, inside: Inside) -> InnerGradient:
    """Return logits (B, C) and ∇_θ of the inner loss at the current parameters."""
    params = {name: value.requires_grad_() for name, value in parameters(student).items()}
    with standing_in(student, params, batch.images.dtype):
        logits, derivative = linearised(student, params, batch.images)
    loss = inner_loss(logits, batch, inside.map(torch.detach))
    gradients = torch.autograd.grad(loss, list(params.values()), materialize_grads=True)
    return InnerGradient(logits.detach(), dict(zip(params, gradients, strict=True)), derivative)


def hypergradient(
    estimator: Estimator,
    student: nn.Module,
    inner: InnerBatch,
    outer: OuterBatch,
    inside: Inside,
    learning_rate: PerSeed,
    *,
    virtual_step: PerSeed = 1.0,
    known: InnerGradient | None = None,
) -> Hypergradient:
    """Return the gradient of L_val(θ') with respect to each part of the inner loss.

    Args:
        estimator: "forward", "finite_difference" or "unrolled".
        student: In training mode; its parameters and buffers do not change.
        inner: The training batch of the virtual step.
        outer: The D_val batch on which the virtual student is judged.
        inside: Detached here.
        learning_rate: η of the virtual step, which is plain SGD without momentum or weight decay.
        virtual_step: f, at least 0: v is taken at θ - f·η∇L_tr; 0: at θ itself.
        known: `inner_gradient(student, inner, inside)`, if the caller already has it;
            `unrolled` computes its own, with the graph.

    Raises:
        ValueError: `estimator` is none of the three.
    """
    inside = inside.map(torch.detach)
    if estimator == "unrolled":
        with naming_missing_derivatives(estimator):
            return _unrolled(student, inner, outer, inside, learning_rate, virtual_step)
    known = known or inner_gradient(student, inner, inside)
    with naming_missing_derivatives(estimator):
        change, outer_loss, outer_logits = _change_of_logits(
            estimator, student, inner.images, outer, virtual_step * learning_rate, known
        )
    if inner.slopes is not None and inside.class_shifts is None:
        alignment = torch.einsum("...bjc,...bc->...bj", inner.slopes(known.logits), change)
        rate = spread(learning_rate, alignment)
        scale = rate / alignment.shape[-2]
        if inner.shares is not None:
            scale = rate * inner.shares[..., None]
        found = Inside(-scale * alignment)
    else:
        rate = spread(learning_rate, change)
        found = _along(inner, inside, known.logits, change).map(lambda part: -rate * part)
    return Hypergradient(found, outer_loss, outer_logits)


def _along(inner: InnerBatch, inside: Inside, logits: Tensor, change: Tensor) -> Inside:
    """Return the gradients of ⟨∂L_tr/∂z, ż⟩ for logits z and their change ż, (B, C) each."""
    point, free = _leaf(logits), inside.map(_leaf)
    loss = inner_loss(point, inner, free)
    (slope,) = torch.autograd.grad(loss, point, create_graph=True)
    return _gradients((slope * change).sum(), free)


def _gradients(value: Tensor, free: Inside) -> Inside:
    """Return the gradients of a scalar with respect to each part."""
    parts = [part for part in free if part is not None]
    found = iter(torch.autograd.grad(value, parts))
    return free.map(lambda part: next(found))


def _leaf(value: Tensor) -> Tensor:
    return value.detach().requires_grad_()


def _change_of_logits(
    estimator: Estimator,
    student: nn.Module,
    images: Tensor,
    outer: OuterBatch,
    rate: PerSeed,
    known: InnerGradient,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ż = J_θ z · v, (B, C), on these images; the loss () and logits (B, C) of D_val at θ'.

    The virtual step is of length `rate`.
    """
    if estimator not in ("forward", "finite_difference"):
        raise ValueError(
            f"estimator = {estimator!r} is not possible: "
            "it must be forward, finite_difference or unrolled."
        )
    theta = parameters(student)
    virtual = {
        name: (value - spread(rate, value) * known.gradient[name]).requires_grad_()
        for name, value in theta.items()
    }
    outer_loss, outer_logits = outer_loss_at(student, virtual, outer)
    gradients = torch.autograd.grad(
        outer_loss.sum(), list(virtual.values()), materialize_grads=True
    )
    direction = dict(zip(virtual, gradients, strict=True))
    if estimator == "finite_difference":
        change = _finite_difference(student, theta, direction, images, known.logits)
    elif known.derivative is not None:
        change = known.derivative(direction)
    else:
        change = change_by_forward_mode(student, theta, direction, images)
    return change, outer_loss.detach(), outer_logits.detach()


def outer_loss_at(student: nn.Module, params: Params, outer: OuterBatch) -> tuple[Tensor, Tensor]:
    """Return the meta loss () of a D_val batch at `params`, in nats, and its logits (B, C)."""
    with drawing_otherwise(student):  # its dropout is not that of the training batch
        logits = logits_at(student, params, outer.images)
    if outer.predict is not None:
        logits = outer.predict(logits)
    if outer.loss is not None:
        return outer.loss(logits), logits
    loss = meta_loss(outer.meta_loss, logits, outer.labels, outer.teacher_logits, outer.temperature)
    return loss, logits


def _finite_difference(
    student: nn.Module, theta: Params, direction: Params, images: Tensor, logits: Tensor
) -> Tensor:
    """Return (z(θ + εv) - z(θ)) / ε, (B, C), in float32, with ε = FINITE_STEP·‖θ‖ / ‖v‖.

    It is 0 where v = 0. Its error is that of a difference in float32: see FINITE_STEP.
    """
    length, norm = (_norm(student, params) for params in (theta, direction))
    # No branch on `norm`: reading it would stall a GPU at every step.
    step = FINITE_STEP * length / norm.clamp_min(torch.finfo(norm.dtype).tiny ** 0.5)
    moved = {name: value + spread(step, value) * direction[name] for name, value in theta.items()}
    is_coarse = precision_of(student) != "float32"  # `logits` are too coarse for a difference
    with torch.no_grad(), computing_in(student, "float32"):
        start = logits_at(student, theta, images) if is_coarse else logits
        change = (logits_at(student, moved, images) - start) / spread(step, logits)
    return torch.where(spread(norm, logits) > 0, change, torch.zeros_like(change))


def _norm(student: nn.Module, params: Params) -> Tensor:
    """Return the norm of all parameters, (); of each seed's in a stack, (K,)."""
    if not isinstance(student, Stack):
        return torch.nn.utils.get_total_norm(list(params.values()))
    each: Tensor = torch.cat([value.flatten(1) for value in params.values()], dim=1).norm(dim=1)
    return each


def _unrolled(
    student: nn.Module,
    inner: InnerBatch,
    outer: OuterBatch,
    inside: Inside,
    learning_rate: PerSeed,
    virtual_step: PerSeed,
) -> Hypergradient:
    if isinstance(student, Stack):
        raise ValueError("estimator = 'unrolled' is not possible for seeds that train together.")
    theta = {name: value.requires_grad_() for name, value in parameters(student).items()}
    free, rate = inside.map(_leaf), virtual_step * learning_rate
    loss = inner_loss(logits_at(student, theta, inner.images), inner, free)
    gradients = torch.autograd.grad(
        loss, list(theta.values()), create_graph=True, materialize_grads=True
    )
    virtual = theta
    if virtual_step:
        pairs = zip(theta.items(), gradients, strict=True)
        virtual = {name: value - rate * gradient for (name, value), gradient in pairs}
    outer_loss, outer_logits = outer_loss_at(student, virtual, outer)
    if virtual_step:
        found = _gradients(outer_loss, free).map(lambda part: part / virtual_step)
    else:  # θ' does not depend on what is inside: only the inner product itself is left
        direction = torch.autograd.grad(outer_loss, list(theta.values()), materialize_grads=True)
        products = [(v * g).sum() for v, g in zip(direction, gradients, strict=True)]
        found = _gradients(torch.stack(products).sum(), free).map(
            lambda part: -learning_rate * part
        )
    return Hypergradient(found, outer_loss.detach(), outer_logits.detach())
