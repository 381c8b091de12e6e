"""Meta-Weight-Net: one weight for each image, from its own loss, guided by D_val; no teacher."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from bikd_core.hypergradient import InnerBatch
from bikd_core.losses import NO_SHIFT, Shift
from bikd_core.methods.bikd import BiKD
from bikd_core.methods.protocol import Batch, Setting
from bikd_core.models.weight_net import WeightNet

HIDDEN = 100  # units, as published; there with ReLU, here with the same Tanh as BiKD's


class MetaWeightNet(BiKD):
    """w_i·CE(z_i, y_i), w_i = V_φ(CE(z_i, y_i)), φ by the same bilevel step as BiKD.

    What BiKD is without a teacher: the weight net has one input and one output, the meta loss is
    the mean cross-entropy on D_val.

    Source: Shu et al., "Meta-Weight-Net: Learning an Explicit Mapping For Sample Weighting",
        NeurIPS 2019, arXiv:1902.07379.
    """

    title: ClassVar[str] = "Meta-Weight-Net"
    words: ClassVar[str] = "one learned weight, no teacher"
    needs_teacher: ClassVar[bool] = False
    has_weight_net: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ()

    @property
    def meta_loss(self) -> str:
        return "hard"  # the others need a teacher

    def _make_weight_net(self, setting: Setting) -> WeightNet:
        layers = self.config.weight_net_layers
        return WeightNet(layers, generator=setting.generator, hidden=HIDDEN, form="hard")

    def _shift(self, setting: Setting) -> Shift:
        return NO_SHIFT

    def _inner_batch(self, batch: Batch, logits: Tensor) -> InnerBatch:
        nobody = torch.zeros_like(logits).detach()  # its loss has weight 0
        temperature, shares = self.config.temperature, batch.shares
        return InnerBatch(batch.images, batch.labels, nobody, temperature, shares=shares)
