"""Knowledge distillation with one weight for all images."""

from __future__ import annotations

from typing import ClassVar

import torch

from bikd_core.config.methods.kd import Options
from bikd_core.methods.objective import Objective
from bikd_core.methods.protocol import Setting


class KnowledgeDistillation(Objective):
    """α·L_hard + (1 - α)·L_soft, α = `kd_alpha`.

    Source: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015,
        arXiv:1503.02531, section 2.
    """

    title: ClassVar[str] = "KD"
    words: ClassVar[str] = "fixed weights"
    needs_teacher: ClassVar[bool] = True
    options: Options

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        alpha = torch.as_tensor(setting.number("kd_alpha", 0.5), dtype=torch.float64)
        self.fixed = torch.stack([alpha, 1 - alpha], dim=-1).to(setting.device)
        if alpha.dim():
            self.fixed = self.fixed[:, None]  # (K, 1, J)
