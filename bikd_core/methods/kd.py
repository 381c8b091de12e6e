"""Knowledge distillation with one weight for all images."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from bikd_core.config.methods.kd import Options
from bikd_core.losses import student_losses
from bikd_core.methods.protocol import Batch, PlainMethod


class KnowledgeDistillation(PlainMethod):
    """α·L_hard + (1 - α)·L_soft, α = `kd_alpha`.

    Source: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015,
        arXiv:1503.02531, section 2.
    """

    title: ClassVar[str] = "KD"
    words: ClassVar[str] = "fixed weights"
    needs_teacher: ClassVar[bool] = True
    options: Options

    def losses(self, logits: Tensor, batch: Batch) -> Tensor:
        assert batch.teacher_logits is not None  # needs_teacher
        pair = student_losses(logits, batch.teacher_logits, batch.labels, self.options.temperature)
        return self.options.kd_alpha * pair[:, 0] + (1 - self.options.kd_alpha) * pair[:, 1]
