"""The weight net V_φ: from an image's losses under student and teacher to its two loss weights."""

from __future__ import annotations

import itertools
from typing import Literal

import torch
from torch import Tensor, nn

from bikd_core.models.initialisation import initialised

Form = Literal["free", "scale", "convex", "hard"]


class WeightNet(nn.Module):
    """V_φ: 2 → hidden (Tanh) [→ hidden (Tanh)] → 2 (Sigmoid).

    Args:
        num_layers: Hidden layers; with one the net has 322 parameters, with two 4,482.
        generator: On the CPU; the initialisation is drawn from it.
        hidden: Units of a hidden layer.
        form: "free": one output for each weight, as published. The others have one output s:
            "scale": both weights are s; "convex": (s, 1 - s); "hard": (s, 0), from the student's
            loss alone, for a method without a teacher.
    """

    def __init__(
        self, num_layers: int, generator: torch.Generator, hidden: int = 64, form: Form = "free"
    ) -> None:
        super().__init__()
        if num_layers < 1 or hidden < 1:
            raise ValueError(
                f"num_layers = {num_layers}, hidden = {hidden} is not possible: "
                "both must be at least 1"
            )
        self.form = form
        sizes = (1 if form == "hard" else 2, *[hidden] * num_layers, 2 if form == "free" else 1)
        self.layers = initialised(lambda: _layers(sizes), generator)

    def forward(self, losses: Tensor) -> Tensor:
        """Return (w_hard, w_soft) in [0, 1] for (CE_student, CE_teacher); (B, 2) -> (B, 2)."""
        out: Tensor = self.layers(losses[:, :1] if self.form == "hard" else losses)
        match self.form:
            case "scale":
                return out.expand(-1, 2)
            case "convex":
                return torch.cat([out, 1 - out], dim=1)
            case "hard":
                return torch.cat([out, torch.zeros_like(out)], dim=1)
        return out


def _layers(sizes: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for num_inputs, num_outputs in itertools.pairwise(sizes[:-1]):
        layers += [nn.Linear(num_inputs, num_outputs), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]), nn.Sigmoid())
