"""Networks for small images, that a CPU core trains in seconds.

Shapes: B batch, C classes, H height and width.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from bikd_core.models.network import Network


class SmallMLP(Network):
    """One hidden layer over the pixels.

    Args:
        size: H.
        hidden: Units of the hidden layer.
        num_classes: C.
    """

    def __init__(self, size: int, hidden: int, num_classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(size * size, hidden)
        self.bn = nn.BatchNorm1d(hidden)
        self.fc = nn.Linear(hidden, num_classes)

    def layers_forward(self, images: Tensor) -> Tensor:
        """Return logits; (B, 1, H, H) -> (B, C)."""
        logits: Tensor = self.fc(F.relu(self.bn(self.hidden(images.flatten(1, 3)))))
        return logits


class SmallCNN(Network):
    """3×3 convolutions with batch norm, the mean over the image and one linear layer.

    Args:
        widths: Channels of each convolution.
        strides: Stride of each convolution.
        num_classes: C.
        channels: Of the images.
    """

    def __init__(
        self, widths: Sequence[int], strides: Sequence[int], num_classes: int, channels: int = 1
    ) -> None:
        super().__init__()
        pairs = itertools.pairwise((channels, *widths))
        self.convs = nn.ModuleList(
            nn.Conv2d(width_in, width, kernel_size=3, stride=stride, padding=1, bias=False)
            for (width_in, width), stride in zip(pairs, strides, strict=True)
        )
        self.bns = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)
        self.fc = nn.Linear(widths[-1], num_classes)

    def layers_forward(self, images: Tensor) -> Tensor:
        """Return logits; (B, channels, H, H) -> (B, C)."""
        features = images
        for conv, bn in zip(self.convs, self.bns, strict=True):
            features = F.relu(bn(conv(features)))
        logits: Tensor = self.fc(features.mean(dim=(2, 3)))
        return logits
