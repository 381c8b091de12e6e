"""The plain sum of hard and soft loss, which BiKD's weights generalise."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from bikd_core.config import TeacherOptions
from bikd_core.losses import student_losses
from bikd_core.methods.protocol import Batch, PlainMethod


class CrossEntropyPlusDistillation(PlainMethod):
    """L_hard + L_soft: BiKD with every weight at 1."""

    title: ClassVar[str] = "CE + KD"
    words: ClassVar[str] = "both losses with weight 1"
    needs_teacher: ClassVar[bool] = True
    options: TeacherOptions

    def losses(self, logits: Tensor, batch: Batch) -> Tensor:
        assert batch.teacher_logits is not None  # needs_teacher
        pair = student_losses(logits, batch.teacher_logits, batch.labels, self.options.temperature)
        return pair.sum(dim=1)
