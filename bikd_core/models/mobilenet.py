"""MobileNetV2 of half the width for images of 3×32×32, the student of VGG-13.

Parameters are named as in the CRD and mdistiller repositories. Shapes: B batch, C classes,
W channels, H height and width.
"""

from __future__ import annotations

from torch import Tensor, nn

from bikd_core.models.network import Network

#: Of each stage: expansion, channels at full width, blocks, stride of the first block.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_FIRST, _LAST = 32, 1280  # channels at full width; the last layer is never narrower


class InvertedResidual(nn.Module):
    """Widens, convolves each channel, narrows: (B, W_in, H, H) -> (B, W, H/stride, H/stride).

    There is a shortcut where the shape stays.
    """

    def __init__(self, width_in: int, width: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = width_in * expansion
        self.is_residual = stride == 1 and width_in == width
        self.conv = nn.Sequential(
            nn.Conv2d(width_in, inner, kernel_size=1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, inner, 3, stride=stride, padding=1, groups=inner, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, width, kernel_size=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the next features; (B, W_in, H, H) -> (B, W, H/stride, H/stride)."""
        found: Tensor = self.conv(x)
        return x + found if self.is_residual else found


class MobileNetV2(Network):
    """MobileNetV2 with ReLU, whose seven stages halve a 32-pixel image to 2 pixels.

    Args:
        width_factor: On all widths but the last; 0.5 in the distillation literature.
        num_classes: C.

    Source: Sandler et al., "MobileNetV2", 2018, arXiv:1801.04381, table 2. ReLU in place of ReLU6,
        and other strides, as the distillation literature has it for CIFAR.
    """

    def __init__(self, width_factor: float, num_classes: int) -> None:
        super().__init__()
        width_in = int(_FIRST * width_factor)
        self.conv1 = _conv_bn(3, width_in, kernel_size=3, stride=2)
        self.blocks = nn.ModuleList()
        for expansion, full_width, num_blocks, stride in _STAGES:
            width = int(full_width * width_factor)
            stage = nn.Sequential()
            for number in range(num_blocks):
                first = stride if number == 0 else 1
                stage.append(InvertedResidual(width_in, width, first, expansion))
                width_in = width
            self.blocks.append(stage)
        self.conv2 = _conv_bn(width_in, _LAST, kernel_size=1, stride=1)
        self.classifier = nn.Sequential(nn.Linear(_LAST, num_classes))

    def layers_forward(self, images: Tensor) -> Tensor:
        """Return logits; (B, 3, 32, 32) -> (B, C)."""
        features = self.conv1(images)
        for stage in self.blocks:
            features = stage(features)
        logits: Tensor = self.classifier(self.conv2(features).mean(dim=(2, 3)))
        return logits


def _conv_bn(width_in: int, width: int, kernel_size: int, stride: int) -> nn.Sequential:
    padding = kernel_size // 2
    conv = nn.Conv2d(width_in, width, kernel_size, stride, padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True))
