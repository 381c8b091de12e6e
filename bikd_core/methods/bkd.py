"""BKD, balanced knowledge distillation: the teacher re-weighted towards rare classes."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from bikd_core.config import TeacherOptions
from bikd_core.losses import soft_loss, spread
from bikd_core.methods.objective import Objective
from bikd_core.methods.protocol import Batch, Setting

BETA = 0.9999  # of the effective number of images


class BalancedDistillation(Objective):
    """CE + τ²·KL(q' ‖ p_τ), q' ∝ q_τ·ω, ω_c = (1 - β)/(1 - β^n_c) scaled to sum to C.

    The published temperature is 2, and the published code keeps ω = 1 for the first 80 % of the
    epochs on CIFAR-10; here ω acts from the start, and the temperature is the run's.

    Source: Zhang et al., "Balanced Knowledge Distillation for Long-tailed Learning",
        arXiv:2104.10510; ω after Cui et al., arXiv:1901.05555.
    """

    title: ClassVar[str] = "BKD"
    words: ClassVar[str] = "the teacher re-weighted towards rare classes"
    needs_teacher: ClassVar[bool] = True
    options: TeacherOptions

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.log_omega = setting.of_each(_log_omega)

    def soft(self, logits: Tensor, batch: Batch) -> Tensor:
        assert batch.teacher_logits is not None  # needs_teacher
        # softmax(t/τ + log ω) is q_τ·ω, normalised.
        temperature = spread(self.temperature, logits)
        target = batch.teacher_logits + temperature * self.log_omega.to(logits.dtype)
        return soft_loss(logits, target, self.temperature)


def _log_omega(setting: Setting) -> Tensor:
    """Return log ω of each class, (C,), float64."""
    counts = torch.tensor(setting.class_counts, dtype=torch.float64)
    omega = (1 - BETA) / (1 - BETA**counts)
    return (omega * len(counts) / omega.sum()).log().to(setting.device)
