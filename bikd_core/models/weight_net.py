"""The weight net V_φ: from an image's losses under student and teacher to its two loss weights."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from bikd_core.config import WeightScale
from bikd_core.events import RELATIVE_REACH
from bikd_core.models.initialisation import initialised
from bikd_core.models.stack import Stack

Form = Literal["free", "scale", "convex", "single"]


class WeightNet(nn.Module):
    """V_φ: num_inputs → hidden (Tanh) [→ hidden (Tanh)] → a raw weight for each loss.

    Args:
        num_layers: Hidden layers; with one the net has 322 parameters, with two 4,482.
        generator: On the CPU; the initialisation is drawn from it.
        hidden: Units of a hidden layer.
        form: "free": one output for each of two losses, as published. The others have one output
            s: "scale": both weights are s; "convex": (s, 1 - s); "single": one loss, and the
            student's loss alone as input, for an objective without a teacher.
        scale: "sigmoid": in (0, 1), as published. "relative": exp(3·tanh(o/3)) of the output o,
            with the last layer zero at first, so that every weight begins as 1.
    """

    def __init__(
        self,
        num_layers: int,
        generator: torch.Generator,
        hidden: int = 64,
        form: Form = "free",
        scale: WeightScale = "sigmoid",
    ) -> None:
        super().__init__()
        if num_layers < 1 or hidden < 1:
            raise ValueError(
                f"num_layers = {num_layers}, hidden = {hidden} is not possible: "
                "both must be at least 1"
            )
        self.form, self.scale = form, scale
        self.num_inputs = 1 if form == "single" else 2
        self.num_outputs = 2 if form == "free" else 1
        sizes = (self.num_inputs, *[hidden] * num_layers, self.num_outputs)
        self.layers = initialised(lambda: _layers(sizes, scale), generator)
        if scale == "relative":
            last = self.layers[-2]
            assert isinstance(last, nn.Linear)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, losses: Tensor) -> Tensor:
        """Return a raw weight for each loss, given (CE_student, CE_teacher); (B, 2) -> (B, J).

        J is 1 with the form "single", else 2. A stack of K nets takes (K, B, 2).
        """
        return self.by_form(self.layers(losses[..., : self.num_inputs]))

    def by_form(self, out: Tensor) -> Tensor:
        """Return a weight for each loss, given the outputs; (B, num_outputs) -> (B, J)."""
        match self.form:
            case "scale":
                return out.expand(*out.shape[:-1], 2)
            case "convex":
                return torch.cat([out, 1 - out], dim=-1)
        return out

    @classmethod
    def stack(cls, nets: Sequence[WeightNet]) -> WeightNet:
        """Return K nets as one, (K, B, 2) -> (K, B, J); they share no memory with it."""
        whole = copy.copy(nets[0])
        whole._modules = {"layers": Stack([net.layers for net in nets])}
        return whole


def over_their_mean(raw: Tensor, counts: Tensor) -> Tensor:
    """Return relative weights over their mean in the batch, for each loss; (B, J) -> (B, J).

    Args:
        raw: As a net gives them, (B, J).
        counts: How much each image counts in the mean, at least 0, (B, J). Where none counts in a
            loss, all count alike.
    """
    counts = torch.where(counts.sum(dim=-2, keepdim=True) > 0, counts, 1.0)
    total = counts.sum(dim=-2, keepdim=True)
    return raw / ((counts * raw).sum(dim=-2, keepdim=True) / total)


class _Relative(nn.Module):
    """exp(R·tanh(o/R)): positive, exactly 1 at 0, and within exp(±R)."""

    def forward(self, out: Tensor) -> Tensor:
        return (RELATIVE_REACH * torch.tanh(out / RELATIVE_REACH)).exp()


def _layers(sizes: tuple[int, ...], scale: WeightScale) -> nn.Sequential:
    layers: list[nn.Module] = []
    for num_inputs, num_outputs in itertools.pairwise(sizes[:-1]):
        layers += [nn.Linear(num_inputs, num_outputs), nn.Tanh()]
    last = nn.Sigmoid() if scale == "sigmoid" else _Relative()
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]), last)
