"""The change of a network's logits along a direction of its parameters, by forward mode: J_θ z · v.

B batch, C classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.functional import batch_norm
from torch.overrides import TorchFunctionMode

from bikd_core.models.in_place_of import logits_at
from bikd_core.models.network import precision_of

# torch 2.14: the first forward-mode derivative in a process warns about torch's own code.
for _category in (FutureWarning, DeprecationWarning):
    warnings.filterwarnings("ignore", r"`torch\.jit\.script", _category)


def change_by_forward_mode(
    net: nn.Module, theta: Mapping[str, Tensor], direction: Mapping[str, Tensor], images: Tensor
) -> Tensor:
    """Return ż = J_θ z · v, (B, C), in the network's precision; float32 outside the layers.

    Args:
        net: Its parameters and buffers do not change.
        theta: θ, by name.
        direction: v, by the same names.
        images: (B, …).
    """
    is_coarse = precision_of(net) != "float32"
    with (
        torch.no_grad(),
        forward_ad.dual_level(),
        _BatchNormInFloat32() if is_coarse else nullcontext(),
    ):
        point = {
            name: forward_ad.make_dual(value, direction[name])  # type: ignore[no-untyped-call]
            for name, value in theta.items()
        }
        found = logits_at(net, point, images)
        logits, change = forward_ad.unpack_dual(found)  # type: ignore[no-untyped-call]
    return torch.zeros_like(logits) if change is None else change


class _BatchNormInFloat32(TorchFunctionMode):
    """Lets batch norm read and give float32.

    Of a bfloat16 input torch computes float32 tangents (on CUDA, and under autocast on the CPU too:
    2.11 and 2.14), and the next convolution refuses tangents of another type than its values.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function of torch, batch norm with its input in float32."""
        if func is batch_norm:
            args = (args[0].float(), *args[1:])
        return func(*args, **(kwargs or {}))
