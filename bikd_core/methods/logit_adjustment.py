"""Post-hoc logit adjustment: trained by cross-entropy, the class prior taken out at prediction."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from bikd_core.losses import hard_loss
from bikd_core.methods.protocol import Batch, PlainMethod

SCALE = 1.0  # λ, as published


class LogitAdjustment(PlainMethod):
    """CE(z, y) in training; predictions from z - λ·log π, λ = 1.

    Source: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, arXiv:2007.07314:
        the post-hoc form. Its form within training is Balanced Softmax at λ = 1.
    """

    title: ClassVar[str] = "Logit adjustment"
    words: ClassVar[str] = "CE, the class prior taken out at prediction, no teacher"
    needs_teacher: ClassVar[bool] = False

    def losses(self, logits: Tensor, batch: Batch) -> Tensor:
        return hard_loss(logits, batch.labels)

    def predict(self, logits: Tensor) -> Tensor:
        return logits - SCALE * self.log_prior.to(logits)
