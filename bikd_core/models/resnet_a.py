"""The CIFAR ResNets of the original paper, whose shortcuts have no parameters (option A).

Published checkpoints such as `resnet20-12fca82f.th` are of this family; their last layer is called
`linear`. Shapes: B batch, W channels of a stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch.nn.functional as F
from torch import Tensor, nn

from bikd_core.models.resnet import NARROW, BasicBlock, ResNet

#: Depth by name.
RESNETS_A: Mapping[str, int] = MappingProxyType(
    {f"resnet{depth}_a": depth for depth in (20, 32, 44, 56, 110)}
)


class Subsample(nn.Module):
    """Every second pixel, with channels of zeros around: (B, W, H, H) -> (B, 2W, H/2, H/2)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the smaller features; (B, W, H, H) -> (B, 2W, H/2, H/2)."""
        added = x.shape[1] // 2
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, added, added))


class ResNetA(ResNet):
    """A ResNet of depth 6n + 2 whose shortcuts subsample and pad with zeros.

    Args:
        depth: 6n + 2.
        num_classes: C.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2015, arXiv:1512.03385,
        section 4.2, option A; the zeros lie on both sides of the channels, as in the published
        checkpoints.
    """

    def __init__(self, depth: int, num_classes: int) -> None:
        super().__init__(depth, NARROW, num_classes)
        for module in self.modules():
            if isinstance(module, BasicBlock) and not isinstance(module.downsample, nn.Identity):
                module.downsample = Subsample()
