"""The base of all students and teachers: images to logits, in a precision chosen once per run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bikd_core.config import Precision


class Network(nn.Module):
    """A classifier whose logits are float32, whatever precision its layers compute in.

    In bfloat16 parameters, gradients and losses stay float32: autocast rounds what a layer reads.
    """

    precision: Precision = "float32"
    compiled: Callable[[Tensor], Tensor] | None = None  # replaces `layers_forward`

    def forward(self, images: Tensor) -> Tensor:
        """Return logits; (B, channels, H, W) -> (B, C)."""
        layers = self.compiled or self.layers_forward
        if self.precision == "float32":
            return layers(images)
        with torch.autocast(images.device.type, torch.bfloat16):
            return layers(images).float()

    def layers_forward(self, images: Tensor) -> Tensor:
        """Return logits in the surrounding precision; (B, channels, H, W) -> (B, C)."""
        raise NotImplementedError


def precision_of(net: nn.Module) -> Precision:
    """Return the precision in which the layers of a network compute."""
    return net.precision if isinstance(net, Network) else "float32"


@contextmanager
def computing_in(net: nn.Module, precision: Precision) -> Iterator[None]:
    """Let a network's layers compute in another precision inside a `with` block."""
    if not isinstance(net, Network):
        yield
        return
    before, net.precision = net.precision, precision
    try:
        yield
    finally:
        net.precision = before
