"""Meta-Weight-Net: one weight for each image, from its own loss, guided by D_val; no teacher."""

from __future__ import annotations

from typing import ClassVar

from bikd_core.methods.bilevel import BilevelMethod
from bikd_core.methods.protocol import Setting


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
    hidden: ClassVar[int] = 100  # as published; the paper's are ReLU, these are Tanh as BiKD's

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting, "ce")
