"""SGD and Adam with few calls: a student of small images waits for those, not for arithmetic.

They are torch's, to the last bit on a CPU, but each operation takes all parameters of a group in
one call, and torch's compiler is not imported, which the first call of torch's own does: 1.5 s.
torch hides some of their methods from the compiler by decorators that import it. Here these methods
are those that the decorators wrap.
"""

from __future__ import annotations

from collections.abc import Iterable
from inspect import unwrap
from typing import Any

import torch
from torch import Tensor, nn

from bikd_core.losses import spread


class SGD(torch.optim.SGD):
    """Stochastic gradient descent with momentum and weight decay, as torch's.

    All parameters of a group get their gradients in the same steps.
    """

    add_param_group = unwrap(torch.optim.SGD.add_param_group)
    zero_grad = unwrap(torch.optim.SGD.zero_grad)
    state_dict = unwrap(torch.optim.SGD.state_dict)
    load_state_dict = unwrap(torch.optim.SGD.load_state_dict)

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        dampening: float = 0.0,
    ) -> None:
        super().__init__(
            params, lr=lr, momentum=momentum, weight_decay=weight_decay, dampening=dampening
        )

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Change the parameters by their gradients."""
        for group in self.param_groups:
            if params := _with_gradients(group):
                changes = self._moved(params, _decayed(params, group), group)
                torch._foreach_add_(params, changes, alpha=-group["lr"])

    def _moved(
        self, params: list[Tensor], slopes: list[Tensor], group: dict[str, Any]
    ) -> list[Tensor]:
        """Return what momentum makes of the gradients of parameters, (P, …) each."""
        if group["momentum"] == 0:
            return slopes
        slots = [self.state[parameter] for parameter in params]
        if not slots[0]:
            for slot, slope in zip(slots, slopes, strict=True):
                slot["momentum_buffer"] = slope.clone()
            return slopes
        moving: list[Tensor] = [slot["momentum_buffer"] for slot in slots]
        torch._foreach_mul_(moving, group["momentum"])
        torch._foreach_add_(moving, slopes, alpha=1 - group["dampening"])
        return moving


class Adam(torch.optim.Adam):
    """Adam, as torch's, with weight decay within the gradient.

    All parameters of a group get their gradients in the same steps.
    """

    add_param_group = unwrap(torch.optim.Adam.add_param_group)
    zero_grad = unwrap(torch.optim.Adam.zero_grad)
    state_dict = unwrap(torch.optim.Adam.state_dict)
    load_state_dict = unwrap(torch.optim.Adam.load_state_dict)

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Change the parameters by their gradients."""
        for group in self.param_groups:
            if params := _with_gradients(group):
                self._step(params, _decayed(params, group), group)

    def _step(self, params: list[Tensor], slopes: list[Tensor], group: dict[str, Any]) -> None:
        means, squares, number = self._averages(params, slopes, group)
        lengths = self._lengths(squares, number, group)
        rate = group["lr"] / (1 - group["betas"][0] ** number)
        torch._foreach_addcdiv_(params, means, lengths, -rate)

    def _averages(
        self, params: list[Tensor], slopes: list[Tensor], group: dict[str, Any]
    ) -> tuple[list[Tensor], list[Tensor], float]:
        """Take gradients into the running means of them and of their squares; return both.

        The third is the number of steps so far.
        """
        slots = [self.state[parameter] for parameter in params]
        for slot, parameter in zip(slots, params, strict=True):
            if not slot:
                slot["step"] = torch.tensor(0.0)
                slot["exp_avg"] = torch.zeros_like(parameter)
                slot["exp_avg_sq"] = torch.zeros_like(parameter)
        steps, means, squares = (
            [slot[name] for slot in slots] for name in ("step", "exp_avg", "exp_avg_sq")
        )
        torch._foreach_add_(steps, 1)
        keep, keep_square = group["betas"]
        torch._foreach_lerp_(means, slopes, 1 - keep)
        torch._foreach_mul_(squares, keep_square)
        torch._foreach_addcmul_(squares, slopes, slopes, 1 - keep_square)
        return means, squares, float(steps[0])

    def _lengths(self, squares: list[Tensor], number: float, group: dict[str, Any]) -> list[Tensor]:
        """Return what running means are divided by after a number of steps, (P, …) each."""
        lengths = list(torch._foreach_sqrt(squares))
        torch._foreach_div_(lengths, (1 - group["betas"][1] ** number) ** 0.5)
        torch._foreach_add_(lengths, group["eps"])
        return lengths


class AdamOfEach(Adam):
    """Adam over stacked parameters, (K, …) each: a group's "lr" has a rate for each of K, (K,)."""

    def _step(self, params: list[Tensor], slopes: list[Tensor], group: dict[str, Any]) -> None:
        means, squares, number = self._averages(params, slopes, group)
        lengths = self._lengths(squares, number, group)
        rate = group["lr"] / (1 - group["betas"][0] ** number)
        for parameter, mean, length in zip(params, means, lengths, strict=True):
            parameter.sub_(spread(rate, parameter) * (mean / length))


def _with_gradients(group: dict[str, Any]) -> list[Tensor]:
    return [parameter for parameter in group["params"] if parameter.grad is not None]


def _decayed(params: list[Tensor], group: dict[str, Any]) -> list[Tensor]:
    """Return the gradients of parameters with that of weight decay, (P, …) each."""
    slopes = [parameter.grad for parameter in params if parameter.grad is not None]
    if group["weight_decay"] == 0:
        return slopes
    return list(torch._foreach_add(slopes, params, alpha=group["weight_decay"]))
