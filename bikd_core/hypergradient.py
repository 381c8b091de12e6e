"""Gradient of the validation loss with respect to the loss weights, through one virtual step.

With weights w of shape (B, 2) and losses l of the same shape, the virtual student is

    θ'(w) = θ - η ∇_θ ( 1/B · Σ_ij w_ij · l_ij(θ) ),

and since w enters linearly, with v = ∇L_val(θ'),

    ∂L_val/∂w_ij = -η/B · v·∇_θ l_ij(θ) = -η/B · ⟨ ∂l_ij/∂z_i , ż_i ⟩,    ż = J_θ z · v.

where an image's share of the inner loss stands for 1/B if the images do not all count the same.
So all 2B inner products need one directional derivative of the logits z. `forward` gets it by
forward-mode differentiation, `finite_difference` by one more forward pass; `unrolled`
differentiates the definition, as the published code does, and stays as the slow reference.

BatchNorm is in training mode throughout; the running statistics are left as they are.

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

# torch 2.14: the first forward-mode derivative in a process warns of torch's own code.
for _category in (FutureWarning, DeprecationWarning):
    warnings.filterwarnings("ignore", r"`torch\.jit\.script", _category)

Params = dict[str, Tensor]
#: Length of the step in θ-space of the finite difference, relative to ‖θ‖. Shorter drowns in
#: float32's rounding; a longer one takes more ReLUs across their kink, which is worst for small
#: networks. From 1e-5 to 6e-5 the error is mostly 0.1 to 0.5 % of ∂L_val/∂w.
FINITE_STEP = 2e-5


class InnerBatch(NamedTuple):
    """A training batch: images (B, …), labels (B,), teacher logits (B, C); how its losses are.

    Each image counts 1/B in the inner loss, or its share where there are shares (B,).
    """

    images: Tensor
    labels: Tensor
    teacher_logits: Tensor
    temperature: float
    shift: Shift = NO_SHIFT
    shares: Tensor | None = None


class OuterBatch(NamedTuple):
    """A batch of D_val and the loss on it; teacher logits only where that loss needs them."""

    images: Tensor
    labels: Tensor
    teacher_logits: Tensor | None
    temperature: float
    meta_loss: str


class InnerGradient(NamedTuple):
    """What the student's own step already knows at θ: logits (B, C) and ∇_θ of the inner loss."""

    logits: Tensor
    gradient: Params


class Hypergradient(NamedTuple):
    """∂L_val/∂w, (B, 2), and the validation loss at θ' that it belongs to, (), in nats."""

    weights: Tensor
    outer_loss: Tensor


def parameters(student: nn.Module) -> Params:
    """The parameters θ by name, as leaves of no graph."""
    return {name: value.detach() for name, value in student.named_parameters()}


def logits_at(student: nn.Module, params: Params, images: Tensor) -> Tensor:
    """The student's logits at `params`, its running statistics untouched; -> (B, C)."""
    # Cloned in here, not by the caller: torch.func forbids writing to a captured tensor.
    buffers = {
        name: buffer.to(images.dtype if buffer.is_floating_point() else buffer.dtype, copy=True)
        for name, buffer in student.named_buffers()
    }
    logits: Tensor = functional_call(student, params | buffers, (images,))
    return logits


def inner_loss(logits: Tensor, batch: InnerBatch, weights: Tensor) -> Tensor:
    """1/B · Σ w_hard·L_hard + w_soft·L_soft, or with shares for 1/B; -> (), in nats."""
    weighted = weights * losses_of(logits, batch)
    if batch.shares is None:
        return weighted.sum() / len(weights)
    return (batch.shares * weighted.sum(dim=1)).sum()


def losses_of(logits: Tensor, batch: InnerBatch) -> Tensor:
    """The hard and the soft loss of each image; -> (B, 2), in nats."""
    return student_losses(
        logits, batch.teacher_logits, batch.labels, batch.temperature, batch.shift
    )


def inner_gradient(student: nn.Module, batch: InnerBatch, weights: Tensor) -> InnerGradient:
    """Logits and ∇_θ of the weighted inner loss at the student's present parameters."""
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
    """∂L_val(θ'(w))/∂w at `weights`.

    Args:
        estimator: "forward", "finite_difference" or "unrolled".
        student: In training mode; neither its parameters nor its buffers change.
        inner: The training batch of the virtual step.
        outer: The D_val batch that judges it.
        weights: (B, 2), detached here.
        learning_rate: η of the virtual step: plain SGD, no momentum, no weight decay.
        known: `inner_gradient(student, inner, weights)`, where the caller has it already;
            `unrolled` computes its own, with the graph.

    Raises:
        ValueError: There is no such estimator.
    """
    if estimator == "unrolled":
        return _unrolled(student, inner, outer, weights, learning_rate)
    if estimator not in ("forward", "finite_difference"):
        raise ValueError(
            f"estimator = {estimator!r} is not possible: "
            "it must be forward, finite_difference or unrolled."
        )
    theta = parameters(student)
    known = known or inner_gradient(student, inner, weights)
    virtual = {
        name: (value - learning_rate * known.gradient[name]).requires_grad_()
        for name, value in theta.items()
    }
    outer_loss = outer_loss_at(student, virtual, outer)
    gradients = torch.autograd.grad(outer_loss, list(virtual.values()))
    direction = dict(zip(virtual, gradients, strict=True))
    derive = _forward_mode if estimator == "forward" else _finite_difference
    change = derive(student, theta, direction, inner.images, known.logits)
    slopes = loss_gradients(
        known.logits, inner.teacher_logits, inner.labels, inner.temperature, inner.shift
    )
    alignment = torch.einsum("bjc,bc->bj", slopes, change)
    scale: Tensor | float = learning_rate / len(weights)
    if inner.shares is not None:
        scale = learning_rate * inner.shares[:, None]
    return Hypergradient(-scale * alignment, outer_loss.detach())


def outer_loss_at(student: nn.Module, params: Params, outer: OuterBatch) -> Tensor:
    """The meta loss of a D_val batch at `params`; -> (), in nats."""
    logits = logits_at(student, params, outer.images)
    return meta_loss(outer.meta_loss, logits, outer.labels, outer.teacher_logits, outer.temperature)


def _forward_mode(
    student: nn.Module, theta: Params, direction: Params, images: Tensor, logits: Tensor
) -> Tensor:
    """ż = J_θ z · v in the student's precision, its tangents float32 outside of the layers."""
    if precision_of(student) == "float32":
        change: Tensor = jvp(lambda at: logits_at(student, at, images), (theta,), (direction,))[1]
        return change
    # torch 2.14: batch norm under autocast gives bfloat16 values float32 tangents, which the next
    # convolution refuses. So everything that enters is bfloat16 itself.
    point, tangent = ({name: v.bfloat16() for name, v in at.items()} for at in (theta, direction))
    with computing_in(student, "float32"):
        coarse = images.bfloat16()
        change = jvp(lambda at: logits_at(student, at, coarse), (point,), (tangent,))[1]
    return change.float()


def _finite_difference(
    student: nn.Module, theta: Params, direction: Params, images: Tensor, logits: Tensor
) -> Tensor:
    """(z(θ + εv) - z(θ)) / ε with ε = FINITE_STEP·‖θ‖ / ‖v‖, in float32; 0 where v = 0."""
    length, norm = (torch.nn.utils.get_total_norm(list(of.values())) for of in (theta, direction))
    # No branch on `norm`: reading it would stall a GPU once a step.
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
