"""VGG for images of 3×32×32, with batch norm and one linear layer: the pair VGG-13 → VGG-8.

Parameters are named as in the published checkpoints of the CRD and mdistiller repositories, so that
a published teacher loads unchanged. Shapes: B batch, C classes, H height and width.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor, nn
from torch.nn import functional as F

from bikd_core.models.network import Network

_WIDTHS = (64, 128, 256, 512, 512)  # of the five blocks
_LARGE = 64  # pixels: such images are halved once more
#: Convolutions in each of the five blocks, by name.
VGGS: Mapping[str, int] = MappingProxyType({"vgg8": 1, "vgg13": 2})


class VGG(Network):
    """Five blocks of 3×3 convolutions, the mean over the image and one linear layer.

    Args:
        per_block: Convolutions in each block.
        num_classes: C.

    Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
        Recognition", 2014, arXiv:1409.1556, table 1; with batch norm, and one linear layer in
        place of three, as the distillation literature has it for CIFAR.
    """

    def __init__(self, per_block: int, num_classes: int) -> None:
        super().__init__()
        width_in = 3
        for number, width in enumerate(_WIDTHS):
            layers: list[nn.Module] = []
            for _ in range(per_block):
                layers += [nn.Conv2d(width_in, width, kernel_size=3, padding=1)]
                layers += [nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
                width_in = width
            self.add_module(f"block{number}", nn.Sequential(*layers))
        self.classifier = nn.Linear(width_in, num_classes)

    def layers_forward(self, images: Tensor) -> Tensor:
        """Return logits; (B, 3, 32, 32) -> (B, C)."""
        features, last = images, len(_WIDTHS) - 1
        for number in range(last):
            features = self.get_submodule(f"block{number}")(features)
            if number < last - 1 or images.shape[2] >= _LARGE:
                features = F.max_pool2d(features, 2)
        features = self.get_submodule(f"block{last}")(features)
        logits: Tensor = self.classifier(features.mean(dim=(2, 3)))
        return logits
