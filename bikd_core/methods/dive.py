"""DiVE: a flattened teacher as a virtual example, beside Balanced Softmax."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from bikd_core.losses import soft_loss
from bikd_core.methods.kd import KnowledgeDistillation
from bikd_core.methods.objective import Prior
from bikd_core.methods.protocol import Batch

POWER = 0.5  # of the teacher's distribution, which is then normalised again


class VirtualExamples(KnowledgeDistillation):
    """α·CE(z + log n, y) + (1 - α)·τ²·KL(q ‖ p_τ), q ∝ q_τ^0.5, α = `kd_alpha`.

    The paper trains its teacher by Balanced Softmax; here all methods share one teacher.

    Source: He et al., "Distilling Virtual Examples for Long-tailed Recognition", ICCV 2021,
        arXiv:2103.15042.
    """

    title: ClassVar[str] = "DiVE"
    words: ClassVar[str] = "Balanced Softmax and a flattened teacher (here the shared one)"
    needs_teacher: ClassVar[bool] = True
    prior: ClassVar[Prior] = "hard"

    def soft(self, logits: Tensor, batch: Batch) -> Tensor:
        assert batch.teacher_logits is not None  # needs_teacher
        return soft_loss(logits, POWER * batch.teacher_logits, self.temperature)
