"""torch's optimisers without its compiler, which their first call would import: 1.5 s.

torch hides some of their methods from the compiler by decorators that import it. Here the methods
are those that the decorators wrap.
"""

from __future__ import annotations

from inspect import unwrap
from typing import Any

import torch
from torch import Tensor

from bikd_core.losses import spread


class SGD(torch.optim.SGD):
    """Stochastic gradient descent, as torch's to the last bit."""

    add_param_group = unwrap(torch.optim.SGD.add_param_group)
    zero_grad = unwrap(torch.optim.SGD.zero_grad)
    state_dict = unwrap(torch.optim.SGD.state_dict)
    load_state_dict = unwrap(torch.optim.SGD.load_state_dict)
    step = torch.no_grad()(unwrap(torch.optim.SGD.step))


class Adam(torch.optim.Adam):
    """Adam, as torch's to the last bit."""

    add_param_group = unwrap(torch.optim.Adam.add_param_group)
    zero_grad = unwrap(torch.optim.Adam.zero_grad)
    state_dict = unwrap(torch.optim.Adam.state_dict)
    load_state_dict = unwrap(torch.optim.Adam.load_state_dict)
    step = torch.no_grad()(unwrap(torch.optim.Adam.step))


class AdamOfEach(Adam):
    """Adam over stacked parameters, (K, …) each: a group's "lr" has a rate for each of K, (K,)."""

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Change the parameters by their gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step(parameter, group)

    def _step(self, parameter: Tensor, group: dict[str, Any]) -> None:
        slope = parameter.grad + group["weight_decay"] * parameter
        slots = self.state[parameter]
        if not slots:
            slots["step"] = torch.tensor(0.0)
            slots["exp_avg"] = torch.zeros_like(parameter)
            slots["exp_avg_sq"] = torch.zeros_like(parameter)
        slots["step"] += 1
        mean, square, number = slots["exp_avg"], slots["exp_avg_sq"], float(slots["step"])
        (keep, keep_square), epsilon = group["betas"], group["eps"]
        mean.lerp_(slope, 1 - keep)
        square.mul_(keep_square).addcmul_(slope, slope, value=1 - keep_square)
        length = square.sqrt() / (1 - keep_square**number) ** 0.5 + epsilon
        rate = spread(group["lr"] / (1 - keep**number), parameter)
        parameter.sub_(rate * (mean / length))
