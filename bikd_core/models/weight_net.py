"""The weight net V_φ: from how hard an image is for student and teacher to its two loss weights."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from bikd_core.models.initialisation import drawn


class WeightNet(nn.Module):
    """V_φ: 2 → hidden (Tanh) [→ hidden (Tanh)] → 2 (Sigmoid).

    Args:
        num_layers: Hidden layers; one has 322 parameters, two have 4,482.
        generator: What the initialisation is drawn from.
        hidden: Units of a hidden layer.
    """

    def __init__(self, num_layers: int, generator: torch.Generator, hidden: int = 64) -> None:
        super().__init__()
        if num_layers < 1 or hidden < 1:
            raise ValueError(
                f"num_layers = {num_layers}, hidden = {hidden} is not possible: "
                "both must be at least 1"
            )
        self.layers = drawn(lambda: _layers(num_layers, hidden), generator)

    def forward(self, losses: Tensor) -> Tensor:
        """(w_hard, w_soft), each in (0, 1), for (CE_student, CE_teacher); (B, 2) -> (B, 2)."""
        weights: Tensor = self.layers(losses)
        return weights


def _layers(num_layers: int, hidden: int) -> nn.Sequential:
    sizes = (2, *[hidden] * num_layers)
    layers: list[nn.Module] = []
    for num_inputs, num_outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(num_inputs, num_outputs), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(hidden, 2), nn.Sigmoid())
