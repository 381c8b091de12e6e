"""The plain sum of hard and soft loss, which BiKD's weights generalise."""

from __future__ import annotations

from typing import ClassVar

from bikd_core.config import TeacherOptions
from bikd_core.methods.objective import Objective


class CrossEntropyPlusDistillation(Objective):
    """L_hard + L_soft: BiKD with every weight at 1."""

    title: ClassVar[str] = "CE + KD"
    words: ClassVar[str] = "both losses with weight 1"
    needs_teacher: ClassVar[bool] = True
    options: TeacherOptions
