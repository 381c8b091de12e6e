"""Other tensors in the places of a network's parameters, for one pass.

`torch.func.functional_call` does the same, but looks every name up again at every call, which takes
longer than a layer of a student of small images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn


class _Place(NamedTuple):
    """Where a module keeps a tensor."""

    owner: dict[str, Tensor | None]
    key: str


class _Places(NamedTuple):
    """All places of a network's tensors; one that several modules share has several."""

    parameters: dict[str, list[_Place]]  # by name, as `named_parameters` gives it
    buffers: list[list[_Place]]


_known: WeakKeyDictionary[nn.Module, _Places] = WeakKeyDictionary()


def trained_parameters(net: nn.Module) -> dict[str, Tensor]:
    """Return the parameters of a network that are trained, by name."""
    named = {name: place.owner[place.key] for name, (place, *_) in _places(net).parameters.items()}
    return {n: value for n, value in named.items() if value is not None and value.requires_grad}


@contextmanager
def standing_in(net: nn.Module, params: Mapping[str, Tensor], dtype: torch.dtype) -> Iterator[None]:
    """Let a network compute with other parameters, and copies of its buffers, in a `with` block.

    Args:
        net: Its own parameters and buffers do not change.
        params: By name; parameters that it lacks stay.
        dtype: Of the copies of buffers of floating-point numbers.
    """
    places, before = _places(net), []
    try:
        for name, value in params.items():
            for owner, key in places.parameters[name]:
                before.append((owner, key, owner[key]))
                owner[key] = value
        for shared in places.buffers:
            copy = _copied(shared[0], dtype)
            for owner, key in shared:
                before.append((owner, key, owner[key]))
                owner[key] = copy
        yield
    finally:
        for owner, key, own in before:
            owner[key] = own


def logits_at(net: nn.Module, params: Mapping[str, Tensor], images: Tensor) -> Tensor:
    """Return a network's logits at `params`; (B, …) -> (B, C). Its buffers do not change."""
    with standing_in(net, params, images.dtype):
        logits: Tensor = net(images)
    return logits


def _copied(place: _Place, dtype: torch.dtype) -> Tensor:
    buffer = place.owner[place.key]
    assert buffer is not None
    return buffer.to(dtype if buffer.is_floating_point() else buffer.dtype, copy=True)


def _places(net: nn.Module) -> _Places:
    if net not in _known:
        _known[net] = _find_places(net)
    return _known[net]


def _find_places(net: nn.Module) -> _Places:
    parameters: dict[int, tuple[str, list[_Place]]] = {}
    buffers: dict[int, list[_Place]] = {}
    for prefix, module in net.named_modules():
        for key, value in module._parameters.items():
            if value is not None:
                name = f"{prefix}.{key}" if prefix else key
                _, places = parameters.setdefault(id(value), (name, []))
                places.append(_Place(module._parameters, key))
        for key, buffer in module._buffers.items():
            if buffer is not None:
                buffers.setdefault(id(buffer), []).append(_Place(module._buffers, key))
    return _Places(dict(parameters.values()), list(buffers.values()))
