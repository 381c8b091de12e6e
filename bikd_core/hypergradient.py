"""Gradient of the validation loss with respect to the loss weights, through one virtual step.

With weights w of shape (B, 2) and losses l of the same shape, the virtual student is

    θ'(w) = θ - η ∇_θ ( 1/B · Σ_ij w_ij · l_ij(θ) ),

and since w enters linearly, with v = ∇L_val(θ'),

    ∂L_val/∂w_ij = -η/B · v·∇_θ l_ij(θ) = -η/B · ⟨ ∂l_ij/∂z_i , ż_i ⟩,    ż = J_θ z · v.

If the images do not all count the same in the inner loss, each image's share replaces 1/B. All 2B
inner products need only one directional derivative of the logits z. `forward` gets it by
forward-mode differentiation, `finite_difference` by one more forward pass; `unrolled`
differentiates the definition, as the published code does, and stays as the slow reference.

B batch, C classes. BatchNorm is in training mode throughout, and its running statistics do not
change.

Source: "Balancing Knowledge Distillation for Imbalance Learning with Bilevel Optimization",
    arXiv:2605.17839, for the bilevel problem; the linear form is that of Ren et al., "Learning
    to Reweight Examples for Robust Deep Learning", ICML 2018, arXiv:1803.09050, section 3.3.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp

from bikd_core.config import Estimator
from bikd_core.losses import NO_SHIFT, Shift, loss_gradients, meta_loss, student_losses
from bikd_core.models.network import computing_in, precision_of

# torch 2.14: the first forward-mode derivative in a process triggers a warning about torch's own
# code.
for _category in (FutureWarning, DeprecationWarning):
    warnings.filterwarnings("ignore", r"`torch\.jit\.script", _category)

Params = dict[str, Tensor]
#: Length of the finite-difference step in θ-space, relative to ‖θ‖. A shorter step drowns in
#: float32 rounding; a longer one moves more ReLUs across their kink, which hurts small networks
#: most. From 1e-5 to 6e-5 the error is mostly 0.1 to 0.5 % of ∂L_val/∂w.
FINITE_STEP = 2e-5


class InnerBatch(NamedTuple):
    """A training batch and the settings of its losses.

    Images are (B, …), labels (B,), teacher logits (B, C). Each image counts 1/B in the inner loss,
    or its entry of `shares` (B,) if they are given.
    """

    images: Tensor
    labels: Tensor
    teacher_logits: Tensor
    temperature: float
    shift: Shift = NO_SHIFT
    shares: Tensor | None = None


class OuterBatch(NamedTuple):
    """A batch of D_val and the loss on it: images (B, …), labels (B,), teacher logits (B, C).

    The teacher's logits may be None if the loss does not need them.
    """

    images: Tensor
    labels: Tensor
    teacher_logits: Tensor | None
    temperature: float
    meta_loss: str


class InnerGradient(NamedTuple):
    """The logits (B, C) at θ and ∇_θ of the inner loss, as the student's own step computes them."""

    logits: Tensor
    gradient: Params


class Hypergradient(NamedTuple):
    """The gradient ∂L_val/∂w (B, 2), and the validation loss () at θ', in nats."""

    weights: Tensor
    outer_loss: Tensor


def parameters(student: nn.Module) -> Params:
    """Return the parameters θ by name, detached from any graph."""
    return {name: value.detach() for name, value in student.named_parameters()}


def logits_at(student: nn.Module, params: Params, images: Tensor) -> Tensor:
    """Return the student's logits at `params`; (B, …) -> (B, C). Its buffers do not change."""
    # The buffers are cloned here because torch.func forbids writing to a captured tensor.
    buffers = {
        name: buffer.to(images.dtype if buffer.is_floating_point() else buffer.dtype, copy=True)
        for name, buffer in student.named_buffers()
    }
    logits: Tensor = functional_call(student, params | buffers, (images,))
    return logits


def inner_loss(logits: Tensor, batch: InnerBatch, weights: Tensor) -> Tensor:
    """Return the weighted inner loss; logits (B, C), weights (B, 2) -> (), in nats.

    It is 1/B · Σ w_hard·L_hard + w_soft·L_soft, with the batch's shares in place of 1/B if given.
    """
    weighted = weights * losses_of(logits, batch)
    if batch.shares is None:
        return weighted.sum() / len(weights)
    return (batch.shares * weighted.sum(dim=1)).sum()


def losses_of(logits: Tensor, batch: InnerBatch) -> Tensor:
    """Return the hard and the soft loss of each image; logits (B, C) -> (B, 2), in nats."""
    return student_losses(
        logits, batch.teacher_logits, batch.labels, batch.temperature, batch.shift
    )


def inner_gradient(student: nn.Module, batch: InnerBatch, weights: Tensor) -> InnerGradient:
    """Return logits (B, C) and ∇_θ of the inner loss at the current parameters; weights (B, 2)."""
    params = {name: value.requires_grad_() for name, value in parameters(student).items()}
    logits = logits_at(student, params, batch.images)
    gradients = torch.autograd.grad(
        inner_loss(logits, batch, weights.detach()), list(params.values())
    )
    return InnerGradient(logits.detach(), dict(zip(params, gradients, strict=True)))


def weight_hypergradient(
    estimator: Estimator,
    student: nn.Module,
    inner: InnerBatch,
    outer: OuterBatch,
    weights: Tensor,
    learning_rate: float,
    known: InnerGradient | None = None,
) -> Hypergradient:
    """Return ∂L_val(θ'(w))/∂w at the weights; (B, 2) -> (B, 2).

    Args:
        estimator: "forward", "finite_difference" or "unrolled".
        student: In training mode; its parameters and buffers do not change.
        inner: The training batch of the virtual step.
        outer: The D_val batch on which the virtual student is judged.
        weights: (B, 2); detached here.
        learning_rate: η of the virtual step, which is plain SGD without momentum or weight decay.
        known: `inner_gradient(student, inner, weights)`, if the caller already has it;
            `unrolled` computes its own, with the graph.

    Raises:
        ValueError: `estimator` is none of the three.
    """
    if estimator == "unrolled":
        return _unrolled(student, inner, outer, weights, learning_rate)
    known = known or inner_gradient(student, inner, weights)
    change, outer_loss = _change_of_logits(
        estimator, student, inner.images, outer, learning_rate, known
    )
    slopes = loss_gradients(
        known.logits, inner.teacher_logits, inner.labels, inner.temperature, inner.shift
    )
    alignment = torch.einsum("bjc,bc->bj", slopes, change)
    scale: Tensor | float = learning_rate / len(weights)
    if inner.shares is not None:
        scale = learning_rate * inner.shares[:, None]
    return Hypergradient(-scale * alignment, outer_loss)


def _change_of_logits(
    estimator: Estimator,
    student: nn.Module,
    images: Tensor,
    outer: OuterBatch,
    learning_rate: float,
    known: InnerGradient,
) -> tuple[Tensor, Tensor]:
    """Return ż = J_θ z · v, (B, C), on these images, and the validation loss () at θ'."""
    if estimator not in ("forward", "finite_difference"):
        raise ValueError(
            f"estimator = {estimator!r} is not possible: "
            "it must be forward, finite_difference or unrolled."
        )
    theta = parameters(student)
    virtual = {
        name: (value - learning_rate * known.gradient[name]).requires_grad_()
        for name, value in theta.items()
    }
    outer_loss = outer_loss_at(student, virtual, outer)
    gradients = torch.autograd.grad(outer_loss, list(virtual.values()))
    direction = dict(zip(virtual, gradients, strict=True))
    derive = _forward_mode if estimator == "forward" else _finite_difference
    return derive(student, theta, direction, images, known.logits), outer_loss.detach()


def outer_loss_at(student: nn.Module, params: Params, outer: OuterBatch) -> Tensor:
    """Return the meta loss () of a D_val batch at `params`, in nats."""
    logits = logits_at(student, params, outer.images)
    return meta_loss(outer.meta_loss, logits, outer.labels, outer.teacher_logits, outer.temperature)


def _forward_mode(
    student: nn.Module, theta: Params, direction: Params, images: Tensor, logits: Tensor
) -> Tensor:
    """Return ż = J_θ z · v, (B, C), in the student's precision; float32 outside the layers."""
    if precision_of(student) == "float32":
        change: Tensor = jvp(
            lambda point: logits_at(student, point, images), (theta,), (direction,)
        )[1]
        return change
    # torch 2.14: batch norm under autocast gives float32 tangents to bfloat16 values, and the next
    # convolution refuses them. So every input is converted to bfloat16 itself.
    start, tangent = ({k: v.bfloat16() for k, v in params.items()} for params in (theta, direction))
    with computing_in(student, "float32"):
        coarse = images.bfloat16()
        change = jvp(lambda point: logits_at(student, point, coarse), (start,), (tangent,))[1]
    return change.float()


def _finite_difference(
    student: nn.Module, theta: Params, direction: Params, images: Tensor, logits: Tensor
) -> Tensor:
    """Return (z(θ + εv) - z(θ)) / ε, (B, C), in float32, with ε = FINITE_STEP·‖θ‖ / ‖v‖.

    It is 0 where v = 0.
    """
    length, norm = (
        torch.nn.utils.get_total_norm(list(params.values())) for params in (theta, direction)
    )
    # No branch on `norm`: reading it would stall a GPU at every step.
    step = FINITE_STEP * length / norm.clamp_min(torch.finfo(norm.dtype).tiny ** 0.5)
    moved = {name: theta[name] + step * direction[name] for name in theta}
    is_coarse = precision_of(student) != "float32"  # `logits` are too coarse for a difference
    with torch.no_grad(), computing_in(student, "float32"):
        start = logits_at(student, theta, images) if is_coarse else logits
        change = (logits_at(student, moved, images) - start) / step
    return torch.where(norm > 0, change, torch.zeros_like(change))


def _unrolled(
    student: nn.Module, inner: InnerBatch, outer: OuterBatch, weights: Tensor, learning_rate: float
) -> Hypergradient:
    theta = {name: value.requires_grad_() for name, value in parameters(student).items()}
    free = weights.detach().requires_grad_()
    loss = inner_loss(logits_at(student, theta, inner.images), inner, free)
    gradients = torch.autograd.grad(loss, list(theta.values()), create_graph=True)
    virtual = {
        name: theta[name] - learning_rate * gradient
        for name, gradient in zip(theta, gradients, strict=True)
    }
    outer_loss = outer_loss_at(student, virtual, outer)
    return Hypergradient(torch.autograd.grad(outer_loss, free)[0], outer_loss.detach())
