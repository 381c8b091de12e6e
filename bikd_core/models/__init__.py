"""Students, teachers and the weight net; `build` makes a student or teacher by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from bikd_core.config import MODEL_IMAGES, is_own_network, models_taking
from bikd_core.models.initialisation import initialised
from bikd_core.models.mobilenet import MobileNetV2
from bikd_core.models.own import build_own
from bikd_core.models.resnet import RESNETS, ResNet
from bikd_core.models.resnet_a import RESNETS_A, ResNetA
from bikd_core.models.shufflenet import ShuffleNetV2
from bikd_core.models.small import SmallCNN, SmallMLP
from bikd_core.models.vgg import VGG, VGGS
from bikd_core.models.weight_net import WeightNet
from bikd_core.models.wide_resnet import WIDE_RESNETS, WideResNet

__all__ = ["MODELS", "Architecture", "WeightNet", "build"]


class Architecture(NamedTuple):
    """The images that a model takes, and the function that makes it for a number of classes."""

    channels: int
    size: int  # height and width in pixels; `models_taking` says which others it takes
    make: Callable[[int], nn.Module]


def _resnet(name: str) -> Callable[[int], nn.Module]:
    depth, widths = RESNETS[name]
    return lambda num_classes: ResNet(depth, widths, num_classes)


def _resnet_a(name: str) -> Callable[[int], nn.Module]:
    return lambda num_classes: ResNetA(RESNETS_A[name], num_classes)


def _wide_resnet(name: str) -> Callable[[int], nn.Module]:
    depth, widening = WIDE_RESNETS[name]
    return lambda num_classes: WideResNet(depth, widening, num_classes)


def _vgg(name: str) -> Callable[[int], nn.Module]:
    return lambda num_classes: VGG(VGGS[name], num_classes)


_MAKERS: dict[str, Callable[[int], nn.Module]] = {
    "digits_mlp": lambda num_classes: SmallMLP(8, 32, num_classes),
    "digits_cnn_s": lambda num_classes: SmallCNN((8, 16), (1, 2), num_classes),
    "digits_cnn_l": lambda num_classes: SmallCNN((16, 64, 128), (1, 2, 2), num_classes),
    "grey_cnn_s": lambda num_classes: SmallCNN((8, 16, 32), (2, 2, 2), num_classes),
    "grey_cnn_l": lambda num_classes: SmallCNN((16, 64, 128), (1, 2, 2), num_classes),
    "colour_cnn_s": lambda num_classes: SmallCNN((8, 16, 32), (2, 2, 2), num_classes, channels=3),
    "colour_cnn_l": lambda num_classes: SmallCNN((16, 64, 128), (1, 2, 2), num_classes, channels=3),
    "shufflenet_v2": ShuffleNetV2,
    "mobilenet_v2_half": lambda num_classes: MobileNetV2(0.5, num_classes),
}
_MAKERS |= {name: _resnet(name) for name in RESNETS}
_MAKERS |= {name: _resnet_a(name) for name in RESNETS_A}
_MAKERS |= {name: _wide_resnet(name) for name in WIDE_RESNETS}
_MAKERS |= {name: _vgg(name) for name in VGGS}
#: Every model by name. Each maps (B, channels, size, size) to logits (B, C).
MODELS = {name: Architecture(*images, _MAKERS[name]) for name, images in MODEL_IMAGES.items()}


def build(
    name: str, num_classes: int, channels: int, size: int, generator: torch.Generator
) -> nn.Module:
    """Return a model for images of channels×size×size, on the CPU and in training mode.

    It maps images (B, channels, size, size) to logits (B, C).

    Args:
        name: A key of `MODELS`, or that of a network that is not the project's.
        num_classes: C, at least 2.
        channels: Of the images.
        size: Height and width of the images in pixels.
        generator: On the CPU; the initialisation is drawn from it alone.

    Raises:
        ValueError: There is no such model, or it takes other images, or C < 2, or this process
            may not import it.
    """
    if is_own_network(name):
        return build_own(name, num_classes, channels, size, generator)
    if name not in MODELS:
        raise ValueError(f"There is no model {name!r}; the models are {', '.join(MODELS)}.")
    model, fitting = MODELS[name], models_taking(channels, size)
    if name not in fitting:
        raise ValueError(
            f"{name} takes images of {model.channels}×{model.size}×{model.size}, "
            f"not {channels}×{size}×{size}; models that fit: {', '.join(fitting) or 'none'}."
        )
    if num_classes < 2:
        raise ValueError(f"num_classes = {num_classes} is not possible: it must be at least 2.")
    return initialised(lambda: model.make(num_classes), generator)
