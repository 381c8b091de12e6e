"""The base of all students and teachers: images to logits, in a precision chosen once per run.

What a network draws while it trains, as dropout does, follows from a seed that each step sets. So
all passes of a step have the same masks, and what is between two of them is a derivative.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import get_args

import torch
from torch import Tensor, nn

from bikd_core.config import Estimator, Precision

#: What torch says of a layer without second or forward-mode derivatives.
_NO_DERIVATIVE = ("is not implemented", "forward AD", "autograd.Function", "jvp")


class Network(nn.Module):
    """A classifier whose logits are float32, whatever precision its layers compute in.

    In bfloat16 parameters, gradients and losses stay float32: autocast rounds what a layer reads.
    """

    precision: Precision = "float32"
    compiled: Callable[[Tensor], Tensor] | None = None  # replaces `layers_forward`
    draws = False  # whether a pass in training mode draws
    seed = 0  # what such a pass draws follows from it, and leaves torch's random state as it was

    def forward(self, images: Tensor) -> Tensor:
        """Return logits; (B, channels, H, W) -> (B, C)."""
        if self.draws and self.training:
            with _drawing_from(self.seed, images.device):
                return self._precisely(images)
        return self._precisely(images)

    def _precisely(self, images: Tensor) -> Tensor:
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


def draw_anew(nets: Iterable[nn.Module | None], seed: int, step: int) -> None:
    """Let passes from here on draw anew: what they draw follows from a seed and the step alone.

    Args:
        nets: Networks; those that draw nothing, or are None, stay as they are.
        seed: Of the run.
        step: The number of the step.
    """
    for net in nets:
        if isinstance(net, Network) and net.draws:
            digest = hashlib.sha256(f"{seed}/drawn/{step}".encode()).digest()
            net.seed = int.from_bytes(digest[:4], "big")  # torch's generator takes 32 bits


@contextmanager
def drawing_otherwise(net: nn.Module) -> Iterator[None]:
    """Let passes inside a `with` block draw something else, the same in each such block."""
    if not isinstance(net, Network):
        yield
        return
    before, net.seed = net.seed, net.seed ^ 1
    try:
        yield
    finally:
        net.seed = before


@contextmanager
def _drawing_from(seed: int, device: torch.device) -> Iterator[None]:
    on_cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(on_cuda):
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


@contextmanager
def naming_missing_derivatives(estimator: str) -> Iterator[None]:
    """Say in one sentence that a network has a layer without a derivative that an estimator takes.

    The project's own networks have all derivatives.

    Raises:
        ValueError: There is such a layer.
    """
    try:
        yield
    except RuntimeError as error:  # NotImplementedError is one too
        first, *_ = str(error).strip().splitlines() or [""]
        if not any(words in first for words in _NO_DERIVATIVE):
            raise
        others = [name for name in get_args(Estimator) if name != estimator]
        raise ValueError(
            f"estimator = {estimator!r} is not possible with this network; it must be "
            f"{' or '.join(others)}. A layer lacks a derivative: {first[:200]}"
        ) from error
