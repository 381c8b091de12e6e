"""Meta-Weight-Net: one weight for each image, from its own loss, guided by D_val; no teacher."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from bikd_core.hypergradient import InnerBatch, OuterBatch
from bikd_core.losses import weight_net_inputs
from bikd_core.methods.bilevel import BilevelMethod
from bikd_core.methods.protocol import Batch, Setting
from bikd_core.models.weight_net import WeightNet

HIDDEN = 100  # units, as published; the paper's are ReLU, these are Tanh as BiKD's
TEMPERATURE = 4.0  # of the soft loss, which has weight 0


class MetaWeightNet(BilevelMethod):
    """w_i·CE(z_i, y_i), w_i = V_φ(CE(z_i, y_i)), φ by the same bilevel step as BiKD.

    This is BiKD without a teacher: the weight net has one input and one output, the meta loss is
    the mean cross-entropy on D_val.

    Source: Shu et al., "Meta-Weight-Net: Learning an Explicit Mapping For Sample Weighting",
        NeurIPS 2019, arXiv:1902.07379.
    """

    title: ClassVar[str] = "Meta-Weight-Net"
    words: ClassVar[str] = "one learned weight, no teacher"
    needs_teacher: ClassVar[bool] = False
    has_weight_net: ClassVar[bool] = True

    def make_weight_net(self, setting: Setting) -> WeightNet:
        layers = self.options.weight_net_layers
        return WeightNet(layers, generator=setting.generator, hidden=HIDDEN, form="hard")

    def net_inputs(self, logits: Tensor, inner: InnerBatch) -> Tensor:
        return weight_net_inputs(logits, inner.teacher_logits, inner.labels)

    def inner_batch(self, batch: Batch, logits: Tensor) -> InnerBatch:
        uniform = torch.zeros_like(logits).detach()  # in place of a teacher
        return InnerBatch(batch.images, batch.labels, uniform, TEMPERATURE, shares=batch.shares)

    def outer_batch(self, batch: Batch) -> OuterBatch:
        return OuterBatch(batch.images, batch.labels, None, TEMPERATURE, meta_loss="hard")
