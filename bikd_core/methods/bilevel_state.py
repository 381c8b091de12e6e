"""What a resumed run needs of a bilevel method: the net, the shifts, Adam, the window, counters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from bikd_core.losses import PerSeed
from bikd_core.methods.window import under

if TYPE_CHECKING:
    from bikd_core.methods.bilevel import BilevelMethod

SHIFTS = "class_shifts"  # their name in a checkpoint


def state_of(method: BilevelMethod) -> dict[str, Tensor]:
    """Return the state of a method, without its student."""
    state = {f"weight_net.{k}": v for k, v in method.weight_net.state_dict().items()}
    for number, slots in method.optimizer.state_dict()["state"].items():
        state |= {f"adam.{number}.{slot}": value for slot, value in slots.items()}
    rates = [
        torch.as_tensor(group["lr"], dtype=torch.float64) for group in method.optimizer.param_groups
    ]
    state["learning_rate"] = rates[0]
    if method.class_shifts is not None:
        state[SHIFTS] = method.class_shifts.detach()
        state[f"{SHIFTS}_learning_rate"] = rates[1]
        if method.class_shifts.grad is not None:
            state[f"{SHIFTS}_gradient"] = method.class_shifts.grad
    state |= {"epoch": torch.tensor(method.epoch), "num_steps": torch.tensor(method.num_steps)}
    return state | method.window.state()


def restore(method: BilevelMethod, state: dict[str, Tensor]) -> None:
    """Let a method go on from `state_of`."""
    method.weight_net.load_state_dict(under("weight_net.", state))
    groups = method.optimizer.state_dict()["param_groups"]
    groups[0]["lr"] = _rate_in(state["learning_rate"])
    if method.class_shifts is not None:
        groups[1]["lr"] = _rate_in(state[f"{SHIFTS}_learning_rate"])
        method.class_shifts.data.copy_(state[SHIFTS])
        method.class_shifts.grad = state.get(f"{SHIFTS}_gradient")
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in under("adam.", state).items():
        number, slot = name.split(".")
        slots.setdefault(int(number), {})[slot] = value
    method.optimizer.load_state_dict({"state": slots, "param_groups": groups})
    # Checkpoints of earlier versions have neither.
    method.epoch = method.objective.epoch = int(state.get("epoch", 0))
    method.num_steps = int(state.get("num_steps", 0))
    method.window.load_state(state)


def _rate_in(state: Tensor) -> PerSeed:
    """Return a stored rate: a number, or one for each seed, (K,)."""
    return state if state.dim() else float(state)
