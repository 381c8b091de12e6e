"""Plain cross-entropy: no teacher, no weights."""

from __future__ import annotations

from typing import ClassVar

from bikd_core.methods.objective import Objective


class CrossEntropy(Objective):
    """Mean hard loss."""

    title: ClassVar[str] = "CE"
    words: ClassVar[str] = "labels only, no teacher"
    needs_teacher: ClassVar[bool] = False
