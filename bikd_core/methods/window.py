"""The window of hypergradients between two steps of the weight net, and measures of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bikd_core.methods.protocol import numbers


class Window:
    """The hypergradients since the weight net's last step, and measures of full windows.

    Args:
        weight_net: The net, or a stack of K nets.
        is_stack: Whether it is a stack: measures are then (K,).
    """

    def __init__(self, weight_net: nn.Module, *, is_stack: bool = False) -> None:
        self.weight_net = weight_net
        self._lead = int(is_stack)  # dimensions of a parameter in front of its own
        self.num_gathered = 0
        self._full: list[Tensor] = []  # gradients of this epoch's full windows, (P,) or (K, P)
        self._last: Tensor | None = None  # that of the last full window of an epoch before

    def gather(self, weights: Tensor, hypergradient: Tensor) -> None:
        """Add one step's ∂L_val/∂w (B, 2), through the weight net that gave the weights (B, 2)."""
        # `torch.autograd.backward(weights, hypergradient)` does the same, but imports sympy.
        (weights * hypergradient).sum().backward()  # type: ignore[no-untyped-call]
        self.num_gathered += 1

    def add(self, gradients: Iterable[Tensor]) -> None:
        """Add one step's gradients by the weight net's parameters, (P, …) each, in their order."""
        for parameter, gradient in zip(self.weight_net.parameters(), gradients, strict=True):
            gathered = parameter.grad
            parameter.grad = gradient if gathered is None else gathered + gradient
        self.num_gathered += 1

    def close(self) -> None:
        """Keep the full window's gradient, which the weight net's `.grad` holds, to be measured."""
        gradients = [p.grad for p in self.weight_net.parameters() if p.grad is not None]
        self._full.append(torch.cat([part.flatten(self._lead) for part in gradients], dim=-1))
        self.num_gathered = 0

    def drop(self) -> None:
        """Forget what an unfinished window has gathered."""
        self.num_gathered = 0
        self.weight_net.zero_grad()

    def end_epoch(self) -> dict[str, Any]:
        """Return means over the windows that closed in this epoch; empty where none did."""
        if not self._full:
            return {}
        gradients = torch.stack(self._full)
        known = gradients if self._last is None else torch.cat([self._last[None], gradients])
        self._full, self._last = [], gradients[-1]
        found = {"hypergradient_norm": gradients.norm(dim=-1)}
        if len(known) > 1:
            cosines = F.cosine_similarity(known[1:], known[:-1], dim=-1)
            found["hypergradient_cosine"] = cosines
        return {name: numbers(values.mean(dim=0)) for name, values in found.items()}

    def state(self) -> dict[str, Tensor]:
        """Return what a resumed run needs of the window, between two epochs."""
        state = {"window.num_gathered": torch.tensor(self.num_gathered)}
        if self._last is not None:
            state["window.last"] = self._last
        for name, parameter in self.weight_net.named_parameters():
            if parameter.grad is not None:
                state[f"window.grad.{name}"] = parameter.grad
        return state

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on from `state()`."""
        self._last = state.get("window.last")
        self.num_gathered = int(state["window.num_gathered"])
        gathered = under("window.grad.", state)
        for name, parameter in self.weight_net.named_parameters():
            if name in gathered:
                parameter.grad = gathered[name]


def under(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the entries whose names begin with a prefix, without it."""
    return {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }
