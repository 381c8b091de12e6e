"""BiKD: a weight net gives each image its own hard- and soft-loss weight, guided by D_val."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from bikd_core.config.methods.bikd import Options
from bikd_core.hypergradient import InnerBatch, OuterBatch
from bikd_core.losses import NO_SHIFT, Shift, weight_net_inputs
from bikd_core.methods.bilevel import BilevelMethod
from bikd_core.methods.prior import log_prior
from bikd_core.methods.protocol import Batch, Setting
from bikd_core.models.weight_net import WeightNet


class BiKD(BilevelMethod):
    """w_hard·L_hard + w_soft·L_soft for each image, (w_hard, w_soft) = V_φ(CE_student, CE_teacher).

    Variants, by `weight_form` and `prior`: one weight for both losses, or two that sum to 1; the
    hard loss, or both, on z + log π, so that the plain z is the classifier of balanced data.
    L_val is always of the plain z, and always on D_val; where D_val is trained on as well, its
    images there have weights from the net like all others. With a shift "soft" and "mix" would
    match it to a biased teacher, so `meta_loss` is best left at "hard" there.

    Source: arXiv:2605.17839 and its published code, which drops a window that an epoch leaves
        unfinished (the control `drop_window` does too). The shifted variants and the warm-up are
        this project's own.
    """

    title: ClassVar[str] = "BiKD"
    words: ClassVar[str] = "weights learned on D_val"
    needs_teacher: ClassVar[bool] = True
    has_weight_net: ClassVar[bool] = True
    options: Options

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.shift = NO_SHIFT
        if self.options.prior != "none":
            prior = log_prior(setting.class_counts, setting.device)
            self.shift = Shift(hard=prior, soft=prior if self.options.prior == "both" else None)

    def make_weight_net(self, setting: Setting) -> WeightNet:
        layers, form = self.options.weight_net_layers, self.options.weight_form
        return WeightNet(layers, generator=setting.generator, form=form)

    def net_inputs(self, logits: Tensor, inner: InnerBatch) -> Tensor:
        shift = self.shift if self.options.weight_net_inputs == "shifted" else NO_SHIFT
        return weight_net_inputs(logits, inner.teacher_logits, inner.labels, shift)

    def inner_batch(self, batch: Batch, logits: Tensor) -> InnerBatch:
        assert batch.teacher_logits is not None  # needs_teacher
        temperature, shares = self.options.temperature, batch.shares
        return InnerBatch(
            batch.images, batch.labels, batch.teacher_logits, temperature, self.shift, shares
        )

    def outer_batch(self, batch: Batch) -> OuterBatch:
        temperature, meta_loss = self.options.temperature, self.options.meta_loss
        return OuterBatch(batch.images, batch.labels, batch.teacher_logits, temperature, meta_loss)
