"""The pull of D_val: the mean gradient of L_val on each class's logit."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from bikd_core.hypergradients import OuterBatch
from bikd_core.losses import hard_gradient, soft_gradient
from bikd_core.methods.protocol import numbers


class Pull:
    """Means over the steps of an epoch of L_val's gradient on the logits of D_val, by class.

    The hard part is the mean predicted probability of a class minus its share of the labels:
    positive where the student gives the class more than D_val holds of it. The soft part compares
    with the teacher instead of the labels.
    """

    def __init__(self, meta_loss: str) -> None:
        self.meta_loss = meta_loss
        self._sums: dict[str, Tensor] = {}  # (C,) each, or (K, C), on the device
        self._num_steps = 0

    def add(self, logits: Tensor, outer: OuterBatch) -> None:
        """Add the logits (B, C) of a batch of D_val at θ'."""
        parts = {}
        if self.meta_loss != "soft":
            parts["pull_hard_per_class"] = hard_gradient(logits, outer.labels)
        if self.meta_loss != "hard":
            assert outer.teacher_logits is not None
            parts["pull_soft_per_class"] = soft_gradient(
                logits, outer.teacher_logits, outer.temperature
            )
        for name, gradient in parts.items():
            mean = gradient.mean(dim=-2)
            self._sums[name] = self._sums[name] + mean if name in self._sums else mean
        self._num_steps += 1

    def end_epoch(self) -> dict[str, Any]:
        """Return the means as fields of `EpochDone`, and begin the next epoch."""
        found = {k: numbers(v / self._num_steps) for k, v in self._sums.items()}
        self._sums, self._num_steps = {}, 0
        return found
