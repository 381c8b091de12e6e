"""BiKD: a weight net gives each image its own weights over an objective, guided by D_val."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from bikd_core.config import METHOD_FACTS
from bikd_core.config.methods.bikd import Options
from bikd_core.methods.bilevel import BilevelMethod
from bikd_core.methods.objective import prior_shift
from bikd_core.methods.protocol import Setting


class BiKD(BilevelMethod):
    """Σ_j c_ij·s_ij·l_ij for each image i, s_i = V_φ(CE_student, CE_teacher).

    c and l are those of the objective that it stands over: as published CE + KD, both c = 1, and s
    in (0, 1). Variants: relative weights, with mean 1; one weight for both losses, or two that sum
    to 1; over CE + KD, log π in the hard loss or in both, so that the plain z is the classifier of
    balanced data; shifts of the classes' logits, learned as the weights are.

    L_val is of what the student predicts from, and always on D_val; where D_val is trained on as
    well, its images there have weights from the net like all others. "soft" and "mix" match the
    student to the teacher's bias on D_val, so `meta_loss` is best left at "hard".

    Source: arXiv:2605.17839 and its published code, which drops a window that an epoch leaves
        unfinished (the control `drop_window` does too). All variants are this project's own; the
        learned shifts are after AutoBalance, arXiv:2201.01212, the weights that begin late after
        the deferred re-weighting of Cao et al., NeurIPS 2019, arXiv:1906.07413.
    """

    title: ClassVar[str] = "BiKD"
    words: ClassVar[str] = "weights learned on D_val"
    needs_teacher: ClassVar[bool] = True
    has_weight_net: ClassVar[bool] = True
    options: Options

    def __init__(self, setting: Setting) -> None:
        options = setting.options
        assert isinstance(options, Options)
        has_teacher = METHOD_FACTS[options.over].needs_teacher
        self.scale = options.weight_scale
        self.form = options.weight_form if has_teacher else "single"
        self.meta_loss = options.meta_loss if has_teacher else "hard"
        self.sees_shifted = options.weight_net_inputs == "shifted"
        if self.scale == "relative":
            self.first_epoch = options.epochs_without_learning(setting.num_epochs)
        super().__init__(setting, options.over)
        if options.over == "ce_kd":
            self.objective.shift = prior_shift(options.prior, setting)
        if self.scale == "relative" and options.class_shifts != "none":
            self._add_class_shifts(setting)

    def _add_class_shifts(self, setting: Setting) -> None:
        counts = setting.class_counts
        if empty := [label for label, count in enumerate(counts) if count <= 0]:
            raise ValueError(
                f"class_shifts = {self.options.class_shifts!r} is not possible: class {empty[0]} "
                "has no training image, so its shift cannot be learned; it must be none."
            )
        rows = self.objective.num_losses if self.options.class_shifts == "each" else 1
        shape = (len(setting.members),) if setting.members else ()
        shape = (*shape, rows, len(setting.class_counts))
        zeros = torch.zeros(shape, device=setting.device)
        self.class_shifts = nn.Parameter(zeros)
        self.optimizer.add_param_group({"params": [self.class_shifts], "weight_decay": 0.0})
        rate = setting.number("class_shift_learning_rate", 0.0)
        self.optimizer.param_groups[1]["lr"] = rate
