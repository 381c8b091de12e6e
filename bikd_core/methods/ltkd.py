"""LTKD: the teacher's bias between head, middle and tail is taken out of its soft labels."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from bikd_core.config import TeacherOptions
from bikd_core.evaluation import shot_groups
from bikd_core.losses import spread
from bikd_core.methods.objective import Objective
from bikd_core.methods.protocol import Batch, Setting

ALPHA, BETA = 1.0, 1.0  # of the part between groups and of the parts within them: our choice


class LongTailedDistillation(Objective):
    """CE + τ²·(α·KL(q'_G ‖ p_G) + β·Σ_G KL(q_c|G ‖ p_c|G)), groups many, medium, few.

    KL splits exactly into a part between groups and, weighted by q_G, one within each. Here each
    batch's q_G are scaled so that the groups' sums over the batch are equal, then normalised again;
    and the weights within are one constant.

    Source: LTKD, CVPR 2026, arXiv:2506.18496, after a summary: its own equations and its α, β
        were not available.
    """

    title: ClassVar[str] = "LTKD"
    words: ClassVar[str] = "the teacher's bias between groups taken out (after a summary)"
    needs_teacher: ClassVar[bool] = True
    options: TeacherOptions

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        of_each = {shot_groups(one.class_counts) for one in setting.members or (setting,)}
        assert len(of_each) == 1, "seeds with other groups cannot train together"
        groups = [list(group) for group in of_each.pop() if group]
        self.groups = [torch.tensor(group, device=setting.device) for group in groups]

    def soft(self, logits: Tensor, batch: Batch) -> Tensor:
        assert batch.teacher_logits is not None  # needs_teacher
        temperature = spread(self.temperature, logits)
        student, teacher = (
            F.log_softmax(z / temperature, dim=-1) for z in (logits, batch.teacher_logits)
        )
        between = _divergence(_even(self._sums(teacher)), self._sums(student))
        within = torch.zeros_like(between)
        for group in self.groups:
            parts = (F.log_softmax(log_p[..., group], dim=-1) for log_p in (teacher, student))
            within = within + _divergence(*parts)
        return spread(self.temperature, within) ** 2 * (ALPHA * between + BETA * within)

    def _sums(self, log_probabilities: Tensor) -> Tensor:
        """Return the log of each group's probability; (B, C) -> (B, G)."""
        sums = [log_probabilities[..., group].logsumexp(dim=-1) for group in self.groups]
        return torch.stack(sums, dim=-1)


def _even(log_groups: Tensor) -> Tensor:
    """Scale each group to the same sum over the batch, then normalise; (B, G) -> (B, G)."""
    return F.log_softmax(log_groups - log_groups.logsumexp(dim=-2, keepdim=True), dim=-1)


def _divergence(log_target: Tensor, log_other: Tensor) -> Tensor:
    """Return KL(target ‖ other) of each row; (B, K), (B, K) -> (B,), in nats."""
    return (log_target.exp() * (log_target - log_other)).sum(dim=-1)
