"""Students, teachers and the weight net; `build` makes one by its name in `config.ModelName`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from bikd_core.config import MODELS_FOR
from bikd_core.models.initialisation import drawn
from bikd_core.models.resnet import RESNETS, ResNet
from bikd_core.models.small import SmallCNN, SmallMLP
from bikd_core.models.weight_net import WeightNet

__all__ = ["MODELS", "Architecture", "WeightNet", "build", "models_for"]


class Architecture(NamedTuple):
    """Which images a model takes, and how it is constructed for a number of classes."""

    channels: int
    size: int  # height and width, pixels
    make: Callable[[int], nn.Module]


def _resnet(name: str) -> Architecture:
    depth, widths = RESNETS[name]
    return Architecture(3, 32, lambda num_classes: ResNet(depth, widths, num_classes))


#: Every model by name. Each maps (B, channels, size, size) to logits (B, C) and ends in `fc`.
MODELS: dict[str, Architecture] = {
    "digits_mlp": Architecture(1, 8, lambda num_classes: SmallMLP(8, 32, num_classes)),
    "digits_cnn_s": Architecture(1, 8, lambda num_classes: SmallCNN((8, 16), (1, 2), num_classes)),
    "digits_cnn_l": Architecture(
        1, 8, lambda num_classes: SmallCNN((16, 64, 128), (1, 2, 2), num_classes)
    ),
    "grey_cnn_s": Architecture(
        1, 28, lambda num_classes: SmallCNN((8, 16, 32), (2, 2, 2), num_classes)
    ),
    "grey_cnn_l": Architecture(
        1, 28, lambda num_classes: SmallCNN((16, 64, 128), (1, 2, 2), num_classes)
    ),
} | {name: _resnet(name) for name in RESNETS}


def build(
    name: str, num_classes: int, channels: int, size: int, generator: torch.Generator
) -> nn.Module:
    """A model for images of channels×size×size, on the CPU and in training mode.

    Args:
        name: A key of `MODELS`.
        num_classes: C, at least 2.
        channels: Of the images.
        size: Their height and width, pixels.
        generator: All that the initialisation is drawn from; it lives on the CPU.

    Raises:
        ValueError: There is no such model, or it takes other images, or C < 2.
    """
    if name not in MODELS:
        raise ValueError(f"There is no model {name!r}; the models are {', '.join(MODELS)}.")
    model = MODELS[name]
    if (model.channels, model.size) != (channels, size):
        fitting = [n for n, m in MODELS.items() if (m.channels, m.size) == (channels, size)]
        raise ValueError(
            f"{name} takes images of {model.channels}×{model.size}×{model.size}, "
            f"not {channels}×{size}×{size}; models that fit: {', '.join(fitting) or 'none'}."
        )
    if num_classes < 2:
        raise ValueError(f"num_classes = {num_classes} is not possible: it must be at least 2.")
    return drawn(lambda: model.make(num_classes), generator)


def models_for(dataset: str) -> tuple[str, ...]:
    """The models that take a data set's images.

    Raises:
        ValueError: There is no such data set.
    """
    if dataset not in MODELS_FOR:
        raise ValueError(
            f"There is no data set {dataset!r}; the data sets are {', '.join(MODELS_FOR)}."
        )
    return MODELS_FOR[dataset]
