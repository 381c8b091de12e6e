"""Prior-shifted KD: the class prior is added to the student's logits in both losses."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from bikd_core.config.methods.prior_kd import Options
from bikd_core.losses import student_losses
from bikd_core.methods.protocol import Batch, PlainMethod


class PriorShiftedDistillation(PlainMethod):
    """α·CE(z + log π, y) + (1 - α)·τ²·KL(softmax(t/τ) ‖ softmax((z + log π)/τ)), α = `kd_alpha`.

    The teacher was trained on the same long tail, so it is matched by student logits with the
    same bias added: the plain z is then the classifier of balanced data, as in Balanced Softmax.

    Source: this project's own; the shift is that of Balanced Softmax (arXiv:2007.10740).
    """

    title: ClassVar[str] = "Prior-shifted KD"
    words: ClassVar[str] = "KD with the class prior in both losses"
    needs_teacher: ClassVar[bool] = True
    options: Options

    def losses(self, logits: Tensor, batch: Batch) -> Tensor:
        assert batch.teacher_logits is not None  # needs_teacher
        shifted = logits + self.log_prior.to(logits.dtype)
        pair = student_losses(shifted, batch.teacher_logits, batch.labels, self.options.temperature)
        return self.options.kd_alpha * pair[:, 0] + (1 - self.options.kd_alpha) * pair[:, 1]
