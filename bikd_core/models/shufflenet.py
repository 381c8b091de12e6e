"""ShuffleNetV2 for images of 3×32×32, the student of ResNet-32x4.

Parameters are named as in the CRD and mdistiller repositories. Shapes: B batch, C classes,
W channels, H height and width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bikd_core.models.network import Network

_WIDTHS = (24, 116, 232, 464, 1024)  # of the first layer, the three stages and the last layer
_BLOCKS = (3, 7, 3)  # after the one that halves the image, in each stage


class KeepingBlock(nn.Module):
    """Half of the channels pass three convolutions, the others nothing: (B, W, H, H) stays."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.conv1, self.bn1 = _conv1x1(half, half), nn.BatchNorm2d(half)
        self.conv2, self.bn2 = _depthwise(half), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = _conv1x1(half, half), nn.BatchNorm2d(half)

    def forward(self, x: Tensor) -> Tensor:
        """Return the next features; (B, W, H, H) -> (B, W, H, H)."""
        kept, seen = x.chunk(2, dim=1)
        seen = self.bn1(self.conv1(seen)).relu_()
        seen = self.bn2(self.conv2(seen))
        return _shuffled(kept, self.bn3(self.conv3(seen)).relu_())


class HalvingBlock(nn.Module):
    """Two branches of convolutions see all channels: (B, W_in, H, H) -> (B, W, H/2, H/2)."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        half = width // 2
        self.conv1, self.bn1 = _depthwise(width_in, stride=2), nn.BatchNorm2d(width_in)
        self.conv2, self.bn2 = _conv1x1(width_in, half), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = _conv1x1(width_in, half), nn.BatchNorm2d(half)
        self.conv4, self.bn4 = _depthwise(half, stride=2), nn.BatchNorm2d(half)
        self.conv5, self.bn5 = _conv1x1(half, half), nn.BatchNorm2d(half)

    def forward(self, x: Tensor) -> Tensor:
        """Return the next features; (B, W_in, H, H) -> (B, W, H/2, H/2)."""
        first = self.bn2(self.conv2(self.bn1(self.conv1(x)))).relu_()
        second = self.bn3(self.conv3(x)).relu_()
        second = self.bn5(self.conv5(self.bn4(self.conv4(second)))).relu_()
        return _shuffled(first, second)


class ShuffleNetV2(Network):
    """ShuffleNetV2 1×, with a 1×1 convolution in place of the first two halvings.

    Args:
        num_classes: C.

    Source: Ma et al., "ShuffleNet V2", 2018, arXiv:1807.11164, section 3.2; widths of table 5.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        first, *widths, last = _WIDTHS
        self.conv1, self.bn1 = _conv1x1(3, first), nn.BatchNorm2d(first)
        self.layer1 = _stage(first, widths[0], _BLOCKS[0])
        self.layer2 = _stage(widths[0], widths[1], _BLOCKS[1])
        self.layer3 = _stage(widths[1], widths[2], _BLOCKS[2])
        self.conv2, self.bn2 = _conv1x1(widths[2], last), nn.BatchNorm2d(last)
        self.linear = nn.Linear(last, num_classes)

    def layers_forward(self, images: Tensor) -> Tensor:
        """Return logits; (B, 3, 32, 32) -> (B, C)."""
        features = self.bn1(self.conv1(images)).relu_()
        features = self.layer3(self.layer2(self.layer1(features)))
        features = self.bn2(self.conv2(features)).relu_()
        logits: Tensor = self.linear(features.mean(dim=(2, 3)))
        return logits


def _shuffled(first: Tensor, second: Tensor) -> Tensor:
    """Return the channels of both, one of each in turn; (B, W/2, H, H) each -> (B, W, H, H)."""
    return torch.stack([first, second], dim=2).flatten(1, 2)


def _conv1x1(width_in: int, width: int) -> nn.Conv2d:
    return nn.Conv2d(width_in, width, kernel_size=1, bias=False)


def _depthwise(width: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(width, width, 3, stride=stride, padding=1, groups=width, bias=False)


def _stage(width_in: int, width: int, num_blocks: int) -> nn.Sequential:
    return nn.Sequential(
        HalvingBlock(width_in, width), *(KeepingBlock(width) for _ in range(num_blocks))
    )
