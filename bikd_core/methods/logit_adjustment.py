"""Post-hoc logit adjustment: trained by cross-entropy, the class prior taken out at prediction."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from bikd_core.methods.objective import Objective
from bikd_core.methods.prior import log_prior
from bikd_core.methods.protocol import Setting

SCALE = 1.0  # λ, as published


class LogitAdjustment(Objective):
    """CE(z, y) in training; predictions from z - λ·log π, λ = 1.

    Source: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, arXiv:2007.07314:
        the post-hoc form. Its form within training is Balanced Softmax at λ = 1.
    """

    title: ClassVar[str] = "Logit adjustment"
    words: ClassVar[str] = "CE, the class prior taken out at prediction, no teacher"
    needs_teacher: ClassVar[bool] = False

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.log_prior = setting.of_each(lambda one: log_prior(one.class_counts, one.device))

    def predict(self, logits: Tensor) -> Tensor:
        return logits - SCALE * self.log_prior.to(logits)
