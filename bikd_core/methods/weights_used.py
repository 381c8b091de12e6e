"""What takes the place of the learned weights in the student's own step: a test of their worth.

B images of a batch, J losses of the objective. K seeds that train together have one more dimension
in front of each shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bikd_core.config import WeightsUsed
from bikd_core.data.image_set import to_device
from bikd_core.models.weight_net import WeightNet


class Substitute(NamedTuple):
    """Gives raw weights in place of the net's; relative ones are still to be normalised.

    - random: uniform in (0, 1); where weights are relative, exponential with mean 1. They have the
      net's form: one draw for each output.
    - shuffled: each image gets the weights of another one of the batch, all of them together.
    - class_means: each image gets the mean weights of the images of its label in the batch.
    """

    kind: WeightsUsed
    weight_net: WeightNet
    generators: Sequence[torch.Generator]  # on the CPU: one, or one for each of K seeds

    def raw(self, learned: Tensor, labels: Tensor) -> Tensor:
        """Return the raw weights to use, given the net's; (B, J), (B,) -> (B, J)."""
        if self.kind == "random":
            drawn = self._for_each_seed(self._random, learned)
            return self.weight_net.by_form(drawn.to(learned))
        if self.kind == "shuffled":
            order = self._for_each_seed(_permutation, learned)
            return learned.take_along_dim(order[..., None], dim=-2)
        is_same = (labels[..., :, None] == labels[..., None, :]).to(learned)
        return is_same @ learned / is_same.sum(dim=-1, keepdim=True)

    def _for_each_seed(
        self, draw: Callable[[int, torch.Generator], Tensor], learned: Tensor
    ) -> Tensor:
        """Return what each seed's generator draws for B images, (B, …), on the device."""
        drawn = [draw(learned.shape[-2], generator) for generator in self.generators]
        whole = torch.stack(drawn) if learned.dim() == 3 else drawn[0]
        return to_device(whole, learned.device)

    def _random(self, size: int, generator: torch.Generator) -> Tensor:
        shape = (size, self.weight_net.num_outputs)
        uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
        return uniform if self.weight_net.scale == "sigmoid" else -torch.log1p(-uniform)


def _permutation(size: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(size, generator=generator)
