"""Prior-shifted KD: the class prior is added to the student's logits in both losses."""

from __future__ import annotations

from typing import ClassVar

from bikd_core.methods.kd import KnowledgeDistillation
from bikd_core.methods.objective import Prior


class PriorShiftedDistillation(KnowledgeDistillation):
    """α·CE(z + log π, y) + (1 - α)·τ²·KL(softmax(t/τ) ‖ softmax((z + log π)/τ)), α = `kd_alpha`.

    The teacher was trained on the same long tail, so it is matched by student logits with the
    same bias added: the plain z is then the classifier of balanced data, as in Balanced Softmax.

    Source: this project's own; the shift is that of Balanced Softmax (arXiv:2007.10740).
    """

    title: ClassVar[str] = "Prior-shifted KD"
    words: ClassVar[str] = "KD with the class prior in both losses"
    needs_teacher: ClassVar[bool] = True
    prior: ClassVar[Prior] = "both"
