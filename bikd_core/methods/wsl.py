"""WSL, weighted soft labels: an image's soft loss counts by how far the student is behind."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from bikd_core.config import TeacherOptions
from bikd_core.losses import hard_loss, spread
from bikd_core.methods.objective import Objective
from bikd_core.methods.protocol import Batch

ALPHA = 2.5  # of the soft loss, as published


class WeightedSoftLabels(Objective):
    """CE(z, y) + α·τ²·m_i·CE(q_τ, p_τ), m_i = 1 - exp(-CE(z_i, y_i)/CE(t_i, y_i)), α = 2.5.

    m_i is a weight: no gradient flows through it.

    Source: Zhou et al., "Rethinking Soft Labels for Knowledge Distillation: A Bias-Variance
        Tradeoff Perspective", ICLR 2021, arXiv:2102.00650.
    """

    title: ClassVar[str] = "WSL"
    words: ClassVar[str] = "soft loss weighted by how far the student is behind"
    needs_teacher: ClassVar[bool] = True
    options: TeacherOptions

    def soft(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return CE(q_τ, p_τ) of each image; (B, C) -> (B,), in nats."""
        assert batch.teacher_logits is not None  # needs_teacher
        temperature = spread(self.temperature, logits)
        log_student = F.log_softmax(logits / temperature, dim=-1)
        teacher = F.softmax(batch.teacher_logits / temperature, dim=-1)
        return -(teacher * log_student).sum(dim=-1)

    def coefficients(self, hard: Tensor, batch: Batch) -> Tensor:
        assert batch.teacher_logits is not None  # needs_teacher
        behind = hard / (hard_loss(batch.teacher_logits, batch.labels) + 1e-7)
        soft = ALPHA * spread(self.temperature, hard) ** 2 * (1 - torch.exp(-behind))
        return torch.stack([torch.ones_like(soft), soft], dim=-1)
