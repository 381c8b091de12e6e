"""DKD, decoupled distillation: the target class and the other classes are distilled apart."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from bikd_core.config import TeacherOptions
from bikd_core.losses import spread
from bikd_core.methods.objective import Objective
from bikd_core.methods.protocol import Batch

ALPHA, BETA = 1.0, 8.0  # of the target's part and of the other classes' part, as published
WARM_UP = 20  # epochs until the soft part counts in full


class DecoupledDistillation(Objective):
    """CE + min(epoch/20, 1)·τ²·(α·KL(b_t ‖ b_s) + β·KL(q̂ ‖ p̂)), α = 1, β = 8.

    b is the distribution over (target, all others), q̂ and p̂ that over the others alone. The
    factor 1 - q_y that the exact split of the divergence has is left out: that is the method.

    Source: Zhao et al., "Decoupled Knowledge Distillation", CVPR 2022, arXiv:2203.08679.
    """

    title: ClassVar[str] = "DKD"
    words: ClassVar[str] = "target and other classes distilled apart"
    needs_teacher: ClassVar[bool] = True
    options: TeacherOptions

    def soft(self, logits: Tensor, batch: Batch) -> Tensor:
        assert batch.teacher_logits is not None  # needs_teacher
        temperature = spread(self.temperature, logits)
        student, teacher = (
            _split(z / temperature, batch.labels) for z in (logits, batch.teacher_logits)
        )
        target, others = (
            (t.exp() * (t - s)).sum(dim=-1) for s, t in zip(student, teacher, strict=True)
        )
        return spread(self.temperature, target) ** 2 * (ALPHA * target + BETA * others)

    def coefficients(self, hard: Tensor, batch: Batch) -> Tensor:
        both = hard.new_ones(2)
        both[1:].fill_(min((self.epoch + 1) / WARM_UP, 1.0))  # `both[1] = …` waits for a GPU
        return both


def _split(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the log of (target, all others), (B, 2), and of the others alone, (B, C - 1)."""
    target = labels[..., None]
    place = torch.arange(logits.shape[-1] - 1, device=logits.device)
    # By position, not by mask: counting what a mask selects would make a GPU wait.
    others = logits.gather(-1, place + (place >= target).long())
    sums = torch.cat([logits.gather(-1, target), others.logsumexp(dim=-1, keepdim=True)], dim=-1)
    return F.log_softmax(sums, dim=-1), F.log_softmax(others, dim=-1)
