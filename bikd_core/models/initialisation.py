"""Initialise a network from one generator; the global random state stays untouched."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def initialised(make: Callable[[], Network], generator: torch.Generator) -> Network:
    """Return the network that `make` constructs, on the CPU, initialised from `generator` alone.

    PyTorch's layers draw from the global generator as they are constructed, except on the meta
    device, where they hold no values. So they are constructed there and initialised here:
    convolutions with He's normal distribution by fan-out, linear layers with PyTorch's own
    uniform one, batch norms with ones and zeros, biases of convolutions with zeros.

    Source: He et al., "Delving Deep into Rectifiers", 2015, arXiv:1502.01852, section 2.2.
    """
    with torch.device("meta"):
        network = make()
    # `to_empty` does the same, but copies the order in memory too, for which torch imports sympy.
    empty = {name: torch.empty(v.shape, dtype=v.dtype) for name, v in network.state_dict().items()}
    network.load_state_dict(empty, assign=True)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(
                module.weight, mode="fan_out", nonlinearity="relu", generator=generator
            )
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            nn.init.uniform_(module.weight, -bound, bound, generator=generator)
            nn.init.uniform_(module.bias, -bound, bound, generator=generator)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.reset_parameters()
        else:
            assert not list(module.parameters(recurse=False)), f"no initialisation for {module}"
    return network
