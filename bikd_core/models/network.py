"""What all students and teachers are: images to logits, in a precision that a run chooses once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bikd_core.config import Precision


class Network(nn.Module):
    """A classifier that gives float32 logits whatever precision its layers compute in.

    In bfloat16 parameters, gradients and losses stay float32: autocast rounds what a layer reads.
    """

    precision: Precision = "float32"
    compiled: Callable[[Tensor], Tensor] | None = None  # takes the place of `layers_forward`

    def forward(self, images: Tensor) -> Tensor:
        """Logits; (B, channels, H, W) -> (B, C)."""
        layers = self.compiled or self.layers_forward
        if self.precision == "float32":
            return layers(images)
        with torch.autocast(images.device.type, torch.bfloat16):
            return layers(images).float()

    def layers_forward(self, images: Tensor) -> Tensor:
        """Logits, in the precision that is set around this."""
        raise NotImplementedError


def precision_of(net: nn.Module) -> Precision:
    """What the layers of a network compute in."""
    return net.precision if isinstance(net, Network) else "float32"


@contextmanager
def computing_in(net: nn.Module, precision: Precision) -> Iterator[None]:
    """Let a network's layers compute in another precision for a while."""
    if not isinstance(net, Network):
        yield
        return
    before, net.precision = net.precision, precision
    try:
        yield
    finally:
        net.precision = before
