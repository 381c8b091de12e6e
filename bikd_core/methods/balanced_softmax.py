"""Balanced Softmax: the class prior is in the softmax in training, not at prediction."""

from __future__ import annotations

from typing import ClassVar

from bikd_core.methods.objective import Objective, Prior


class BalancedSoftmax(Objective):
    """CE(z + log n, y); the plain z is then the classifier of balanced data.

    Source: Ren et al., "Balanced Meta-Softmax for Long-Tailed Visual Recognition", NeurIPS 2020,
        arXiv:2007.10740. log π stands for log n: they differ by a constant, the softmax does not.
    """

    title: ClassVar[str] = "Balanced Softmax"
    words: ClassVar[str] = "the class prior in the softmax, no teacher"
    needs_teacher: ClassVar[bool] = False
    prior: ClassVar[Prior] = "hard"
