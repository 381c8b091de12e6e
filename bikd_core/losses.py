"""Hard and soft losses of each image, and their derivatives with respect to the student's logits.

B batch, C classes. Wherever there are two columns, column 0 is the hard loss and column 1 the soft
one. Seeds that train together have one more dimension, their own, in front of each shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, overload

import torch
from torch import Tensor
from torch.nn import functional as F


class Shift(NamedTuple):
    """Constants added to the student's logits inside each loss; None adds nothing.

    They are (C,) or (1, C); for seeds that train together (K, 1, C).

    If they are the logs of the class frequencies, the unshifted logits learn to classify balanced
    data.

    Source: Ren et al., "Balanced Meta-Softmax for Long-Tailed Visual Recognition", NeurIPS 2020,
        arXiv:2007.10740.
    """

    hard: Tensor | None = None
    soft: Tensor | None = None

    def moved(self, by: Tensor | None) -> Shift:
        """Return this shift plus learned ones: (1, C) for both losses, (2, C) one for each."""
        if by is None:
            return self
        return Shift(_sum(self.hard, by[..., :1, :]), _sum(self.soft, by[..., -1:, :]))


def _sum(own: Tensor | None, learned: Tensor) -> Tensor:
    return learned if own is None else own.to(learned) + learned


NO_SHIFT = Shift()
#: One number for all, or one for each of K seeds that train together, (K,).
PerSeed = float | Tensor


def per_seed(values: Sequence[float], device: torch.device) -> PerSeed:
    """Return a number for each seed, float64 (K,); one number if they are the same."""
    if len(set(values)) == 1:
        return float(values[0])
    return torch.tensor(values, dtype=torch.float64, device=device)


@overload
def spread(value: Tensor, like: Tensor) -> Tensor: ...
@overload
def spread(value: float, like: Tensor) -> float: ...
@overload
def spread(value: PerSeed, like: Tensor) -> PerSeed: ...
def spread(value: PerSeed, like: Tensor) -> PerSeed:
    """Return a number for each seed as (K, 1, …), to go with a (K, …) tensor and in its type.

    One number for all is returned as it is.
    """
    if not isinstance(value, Tensor):
        return value
    return value.to(like).view(-1, *(1,) * (like.dim() - 1))


def hard_loss(student_logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of each image; (B, C), (B,) -> (B,), in nats."""
    losses = F.cross_entropy(student_logits.flatten(0, -2), labels.flatten(), reduction="none")
    return losses.view(labels.shape)


def soft_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: PerSeed) -> Tensor:
    """Return the distillation loss of each image; (B, C), (B, C) -> (B,), in nats.

    It is τ²·KL(softmax(t/τ) ‖ softmax(z/τ)). The factor τ² keeps the size of the gradient about
    the same at every temperature. No gradient flows into the teacher.

    Source: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015,
        arXiv:1503.02531, section 2.
    """
    divisor = spread(temperature, student_logits)
    log_student = F.log_softmax(student_logits / divisor, dim=-1)
    log_teacher = F.log_softmax(teacher_logits.detach() / divisor, dim=-1)
    divergence = F.kl_div(log_student, log_teacher, reduction="none", log_target=True)
    loss = divergence.sum(dim=-1)
    return spread(temperature, loss) ** 2 * loss


def student_losses(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    temperature: PerSeed,
    shift: Shift = NO_SHIFT,
) -> Tensor:
    """Return the hard and the soft loss of each image; (B, C), (B, C), (B,) -> (B, 2), in nats.

    These are the two losses that the weight net balances.
    """
    soft = soft_loss(shifted(student_logits, shift.soft), teacher_logits, temperature)
    return torch.stack([hard_loss(shifted(student_logits, shift.hard), labels), soft], dim=-1)


def shifted(logits: Tensor, shift: Tensor | None) -> Tensor:
    """Return logits (B, C) plus a shift (C,), in the logits' type; None adds nothing."""
    return logits if shift is None else logits + shift.to(logits)


def loss_gradients(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    temperature: PerSeed,
    shift: Shift = NO_SHIFT,
) -> Tensor:
    """Return the derivatives of `student_losses` with respect to the student's logits.

    (B, C), (B, C), (B,) -> (B, 2, C). With z the shifted logits, the hard loss gives
    softmax(z) - onehot(y), the soft loss τ·(softmax(z/τ) - softmax(t/τ)).
    """
    hard = hard_gradient(shifted(student_logits, shift.hard), labels)
    soft = soft_gradient(shifted(student_logits, shift.soft), teacher_logits, temperature)
    return torch.stack([hard, soft], dim=-2)


def hard_gradient(student_logits: Tensor, labels: Tensor) -> Tensor:
    """Return softmax(z) - onehot(y), the derivative of `hard_loss`; (B, C), (B,) -> (B, C)."""
    return F.softmax(student_logits, dim=-1) - F.one_hot(labels, student_logits.shape[-1])


def soft_gradient(student_logits: Tensor, teacher_logits: Tensor, temperature: PerSeed) -> Tensor:
    """Return τ·(softmax(z/τ) - softmax(t/τ)), that of `soft_loss`; (B, C), (B, C) -> (B, C)."""
    factor = spread(temperature, student_logits)
    student, teacher = (F.softmax(z / factor, dim=-1) for z in (student_logits, teacher_logits))
    return factor * (student - teacher)


def weight_net_inputs(
    student_logits: Tensor,
    teacher_logits: Tensor | None,
    labels: Tensor,
    shift: Shift = NO_SHIFT,
) -> Tensor:
    """Return what the weight net sees: (B, C), (B, C), (B,) -> (B, 2), in nats.

    The columns are the cross-entropies of the student and of the teacher at temperature 1; without
    a teacher there is only the first, (B, 1). They are detached, so that no gradient bypasses the
    virtual step. The student's is the hard loss that it trains on, so the same shift applies to it.
    """
    seen = [hard_loss(shifted(student_logits.detach(), shift.hard), labels)]
    if teacher_logits is not None:
        seen.append(hard_loss(teacher_logits.detach(), labels))
    return torch.stack(seen, dim=-1)


def meta_loss(
    kind: str, logits: Tensor, labels: Tensor, teacher_logits: Tensor | None, temperature: PerSeed
) -> Tensor:
    """Return the loss that the weight net minimises on D_val; (B, C), (B,), (B, C) -> (), in nats.

    Of K seeds that train together it is (K,).

    "hard" is the mean cross-entropy, "soft" the mean soft loss, "mix" their sum. Only the last
    two read the teacher's logits.

    Raises:
        ValueError: `kind` is none of the three, or it needs teacher logits and there are none.
    """
    if kind not in ("hard", "soft", "mix"):
        raise ValueError(f"meta_loss = {kind!r} is not possible: it must be hard, soft or mix.")
    hard = hard_loss(logits, labels).mean(dim=-1)
    if kind == "hard":
        return hard
    if teacher_logits is None:
        raise ValueError(f"meta_loss = {kind!r} needs the teacher's logits on D_val.")
    soft = soft_loss(logits, teacher_logits, temperature).mean(dim=-1)
    return soft if kind == "soft" else hard + soft
