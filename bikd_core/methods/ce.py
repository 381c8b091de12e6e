"""Plain cross-entropy: no teacher, no weights."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from bikd_core.losses import hard_loss
from bikd_core.methods.protocol import Batch, PlainMethod


class CrossEntropy(PlainMethod):
    """Mean hard loss."""

    title: ClassVar[str] = "CE"
    words: ClassVar[str] = "labels only, no teacher"
    needs_teacher: ClassVar[bool] = False

    def losses(self, logits: Tensor, batch: Batch) -> Tensor:
        return hard_loss(logits, batch.labels)
