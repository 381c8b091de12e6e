"""The CIFAR ResNets of the distillation literature, for images of 3×32×32.

Parameters are named as in the published checkpoints of this family (those of the CRD and
mdistiller repositories), so that a published teacher loads unchanged.

Shapes: B batch, W channels of a stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor, nn

from bikd_core.models.network import Network

Widths = tuple[int, int, int, int]  # channels of the first convolution and of the three stages
NARROW: Widths = (16, 16, 32, 64)
WIDE: Widths = (32, 64, 128, 256)

#: Depth and widths by name.
RESNETS: Mapping[str, tuple[int, Widths]] = MappingProxyType(
    {f"resnet{depth}": (depth, NARROW) for depth in (8, 14, 20, 32, 44, 56, 110)}
    | {f"resnet{depth}x4": (depth, WIDE) for depth in (8, 32)}
)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut: (B, W_in, H, H) -> (B, W, H/stride, H/stride)."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv3x3(width_in, width, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3x3(width, width)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or width_in != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(width_in, width, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(width),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return the next features; (B, W_in, H, H) -> (B, W, H/stride, H/stride)."""
        # In place, because nothing else needs a batch norm's output: 3 % faster.
        residual: Tensor = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu_()))
        return residual.add_(self.downsample(x)).relu_()


class ResNet(Network):
    """A ResNet of depth 6n + 2: one convolution, three stages of n blocks, one linear layer.

    Args:
        depth: 6n + 2.
        widths: Channels of the first convolution and of the three stages.
        num_classes: C.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2015, arXiv:1512.03385,
        section 4.2. Shortcuts that change the shape are 1×1 convolutions with batch norm, as in
        the published distillation code, where the paper pads with zeros.
    """

    def __init__(self, depth: int, widths: Widths, num_classes: int) -> None:
        super().__init__()
        num_blocks, rest = divmod(depth - 2, 6)
        if rest or num_blocks < 1:
            raise ValueError(f"depth = {depth} is not possible: it must be 6n + 2, with n ≥ 1")
        self.conv1 = _conv3x3(3, widths[0])
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.layer1 = _stage(widths[0], widths[1], num_blocks, stride=1)
        self.layer2 = _stage(widths[1], widths[2], num_blocks, stride=2)
        self.layer3 = _stage(widths[2], widths[3], num_blocks, stride=2)
        self.fc = nn.Linear(widths[3], num_classes)

    def layers_forward(self, images: Tensor) -> Tensor:
        """Return logits; (B, 3, 32, 32) -> (B, C)."""
        features = self.bn1(self.conv1(images)).relu_()
        features = self.layer3(self.layer2(self.layer1(features)))
        logits: Tensor = self.fc(features.mean(dim=(2, 3)))
        return logits


def _conv3x3(width_in: int, width: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(width_in, width, kernel_size=3, stride=stride, padding=1, bias=False)


def _stage(width_in: int, width: int, num_blocks: int, stride: int) -> nn.Sequential:
    first = BasicBlock(width_in, width, stride)
    return nn.Sequential(first, *(BasicBlock(width, width, 1) for _ in range(num_blocks - 1)))
