"""Wide ResNets for images of 3×32×32: the pairs WRN-40-2 → WRN-16-2, WRN-16-1 or WRN-40-1.

Parameters are named as in the published checkpoints of the CRD and mdistiller repositories, so that
a published teacher loads unchanged. Shapes: B batch, C classes, W channels, H height and width.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor, nn

from bikd_core.models.network import Network

#: Depth and widening factor by name.
WIDE_RESNETS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"wrn_16_1": (16, 1), "wrn_16_2": (16, 2), "wrn_40_1": (40, 1), "wrn_40_2": (40, 2)}
)


class PreActivationBlock(nn.Module):
    """Two 3×3 convolutions, each after its batch norm: (B, W_in, H, H) -> (B, W, H/s, H/s).

    Where the shape changes, a 1×1 convolution is the shortcut, and it too sees the first batch
    norm's output.
    """

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(width_in)
        self.conv1 = _conv3x3(width_in, width, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = _conv3x3(width, width)
        self.convShortcut: nn.Module | None = None  # the published name
        if width_in != width:
            self.convShortcut = nn.Conv2d(width_in, width, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the next features; (B, W_in, H, H) -> (B, W, H/stride, H/stride)."""
        activated = self.bn1(x).relu_()
        residual: Tensor = self.conv2(self.bn2(self.conv1(activated)).relu_())
        return residual + (x if self.convShortcut is None else self.convShortcut(activated))


class Stage(nn.Module):
    """Blocks of one width: (B, W_in, H, H) -> (B, W, H/stride, H/stride)."""

    def __init__(self, width_in: int, width: int, num_blocks: int, stride: int) -> None:
        super().__init__()
        first = PreActivationBlock(width_in, width, stride)
        others = (PreActivationBlock(width, width, 1) for _ in range(num_blocks - 1))
        self.layer = nn.Sequential(first, *others)

    def forward(self, x: Tensor) -> Tensor:
        """Return the next features; (B, W_in, H, H) -> (B, W, H/stride, H/stride)."""
        features: Tensor = self.layer(x)
        return features


class WideResNet(Network):
    """A wide ResNet of depth 6n + 4, without dropout.

    Args:
        depth: 6n + 4.
        widening: Factor on the widths 16, 32 and 64 of the three stages.
        num_classes: C.

    Source: Zagoruyko and Komodakis, "Wide Residual Networks", 2016, arXiv:1605.07146, section 2.
    """

    def __init__(self, depth: int, widening: int, num_classes: int) -> None:
        super().__init__()
        num_blocks, rest = divmod(depth - 4, 6)
        if rest or num_blocks < 1:
            raise ValueError(f"depth = {depth} is not possible: it must be 6n + 4, with n ≥ 1")
        widths = [16 * widening, 32 * widening, 64 * widening]
        self.conv1 = _conv3x3(3, 16)
        self.block1 = Stage(16, widths[0], num_blocks, stride=1)
        self.block2 = Stage(widths[0], widths[1], num_blocks, stride=2)
        self.block3 = Stage(widths[1], widths[2], num_blocks, stride=2)
        self.bn1 = nn.BatchNorm2d(widths[2])
        self.fc = nn.Linear(widths[2], num_classes)

    def layers_forward(self, images: Tensor) -> Tensor:
        """Return logits; (B, 3, 32, 32) -> (B, C)."""
        features = self.block3(self.block2(self.block1(self.conv1(images))))
        logits: Tensor = self.fc(self.bn1(features).relu_().mean(dim=(2, 3)))
        return logits


def _conv3x3(width_in: int, width: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(width_in, width, kernel_size=3, stride=stride, padding=1, bias=False)
