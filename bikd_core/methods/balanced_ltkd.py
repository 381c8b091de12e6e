"""Balanced LTKD: Balanced Softmax beside LTKD's soft loss."""

from __future__ import annotations

from typing import ClassVar

from bikd_core.methods.ltkd import LongTailedDistillation
from bikd_core.methods.objective import Prior


class BalancedLongTailedDistillation(LongTailedDistillation):
    """CE(z + log π, y) + LTKD's soft loss, which takes the teacher's bias between groups out.

    Source: this project's own, of Balanced Softmax (arXiv:2007.10740) and LTKD (arXiv:2506.18496,
        after a summary).
    """

    title: ClassVar[str] = "Balanced LTKD"
    words: ClassVar[str] = "Balanced Softmax and LTKD's soft loss"
    needs_teacher: ClassVar[bool] = True
    prior: ClassVar[Prior] = "hard"
