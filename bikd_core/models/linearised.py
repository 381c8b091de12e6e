"""A pass of a network with its derivative along any direction of its parameters: v ↦ J_θ z · v.

Forward-mode differentiation computes a pass anew beside its derivative. But who has just run the
pass for a gradient holds in memory what each layer has read, and that is all the derivative needs.
So the calls of the pass are remembered, and the derivative alone follows them: two convolutions of
a layer where forward mode takes three, and batch norm by torch's own kernels, where forward mode
takes a dozen small calls. Both are exact.

Only functions of `_RULES` can be followed. The rest is found by what is known: what such a function
makes of known values is known, and all else is not. If the logits are not known, there is no
derivative here.

Source: linearisation as in Radul et al., "You Only Linearize Once", POPL 2023, arXiv:2204.10923.

B batch, C classes.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from bikd_core.models.network import precision_of
from bikd_core.models.stack import windows

#: A direction v, by parameter, to J_θ z · v, (B, C); a parameter that it lacks does not change.
Derivative = Callable[[Mapping[str, Tensor]], Tensor]
Changes = Sequence[Tensor | None]  # None: no change


def linearised(
    net: nn.Module, params: Mapping[str, Tensor], images: Tensor
) -> tuple[Tensor, Derivative | None]:
    """Return the logits of a pass, and their derivative, computed from what the pass has read.

    Args:
        net: A network that has not been compiled; gradients are recorded.
        params: Its parameters of a direction by name, as it holds them during this pass.
        images: (B, …).

    Returns:
        Logits (B, C), and the derivative as long as nothing that the pass has read has changed;
        None if the network calls a function without a rule, or does not compute in float32.
    """
    if precision_of(net) != "float32":
        return net(images), None
    with _Calls(params) as calls:
        logits: Tensor = net(images)
    return logits, calls.derivative_of(logits)


class _Call(NamedTuple):
    """A call of a function with a rule, and the numbers of its arguments among known values."""

    rule: Callable[[_Call, Changes], Tensor | None]
    function: Callable[..., Tensor]
    args: tuple[Any, ...]  # detached
    kwargs: dict[str, Any]
    numbers: tuple[int | None, ...]  # None: a constant
    number: int  # of what it found
    shape: torch.Size  # of that


class _Known(NamedTuple):
    value: weakref.ref[Tensor]  # a number of an object may be given again once it is gone
    version: int  # torch's: it grows where the value, or a view of it, is changed in place
    number: int


class _Calls(TorchFunctionMode):
    """Remembers the calls in a `with` block that known values come from."""

    def __init__(self, params: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._names = list(params)
        self._calls: list[_Call] = []
        self._known: dict[int, _Known] = {}
        for number, value in enumerate(params.values()):
            self._know(value, number)

    def _know(self, value: Tensor, number: int) -> None:
        self._known[id(value)] = _Known(weakref.ref(value), value._version, number)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function of torch, and remember it if it can be followed."""
        kwargs = kwargs or {}
        rule = _RULES.get(func)
        if rule is None:
            return func(*args, **kwargs)
        if rule is _normalised:
            args, kwargs = _in_order(*args, **kwargs), {}
        # Before the call, which may change an argument in place.
        numbers = tuple(self._number(value) for value in args)
        found = func(*args, **kwargs)
        if _needs_gradient(found) and _can_follow(rule, args, kwargs, numbers):
            number = len(self._names) + len(self._calls)
            read = _read(rule, args, found)
            call = _Call(rule, func, read, kwargs, numbers, number, found.shape)
            self._calls.append(call)
            self._know(found, number)
        return found

    def _number(self, value: Any) -> int | None:
        """Return the number of a known value, None for a constant, or -1 for an unknown value."""
        if not _needs_gradient(value):
            return None
        known = self._known.get(id(value))
        if known is None or known.value() is not value or known.version != value._version:
            return -1
        return known.number

    def derivative_of(self, logits: Tensor) -> Derivative | None:
        """Return what follows the calls up to these logits (B, C); None if they are not known."""
        number = self._number(logits)
        if number is None or number < 0:
            return None
        names, calls, zero = self._names, self._calls, torch.zeros_like(logits)
        self._known.clear()

        @torch.no_grad()
        def derivative(direction: Mapping[str, Tensor]) -> Tensor:
            changes = {n: direction[name] for n, name in enumerate(names) if name in direction}
            for call in calls:
                of_args = [None if n is None else changes.get(n) for n in call.numbers]
                change = call.rule(call, of_args)
                if change is not None:
                    changes[call.number] = change
            return changes.get(number, zero)

        return derivative


def _needs_gradient(value: Any) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor) and value.requires_grad


def _can_follow(
    rule: Any, args: tuple[Any, ...], kwargs: dict[str, Any], numbers: tuple[int | None, ...]
) -> bool:
    """Whether a rule serves a call with these arguments, and no unknown value is among them.

    A tensor by keyword might be a bias, which a rule would add to a change too.
    """
    if -1 in numbers or any(isinstance(value, Tensor) for value in kwargs.values()):
        return False
    if rule is _normalised:
        *_, weight, bias, training, _, _ = args
        return training and weight is not None and bias is not None
    if rule is _addition:
        return not kwargs  # such as a factor of the second
    return rule is not _linear or all(number is None for number in numbers[1:])


def _read(rule: Any, args: tuple[Any, ...], found: Tensor) -> tuple[Any, ...]:
    """Return what a rule reads of a call, without its graph; nothing else is kept from freeing."""
    if rule is _rectified:
        return (found.detach(),)
    if rule is _addition:
        return ()
    if rule in (_linear, _padded):
        return (None, *args[1:])
    return tuple(value.detach() if isinstance(value, Tensor) else value for value in args)


# Rules: a call and the changes of its arguments, to the change of what it found ---------------


def _linear(call: _Call, changes: Changes) -> Tensor | None:
    """A function that is linear in its first argument alone."""
    change = changes[0]
    return None if change is None else call.function(change, *call.args[1:], **call.kwargs)


def _padded(call: _Call, changes: Changes) -> Tensor | None:
    """`pad`: the values that it adds do not change."""
    size, mode = _size_and_mode(*call.args[1:], **call.kwargs)
    return None if changes[0] is None else F.pad(changes[0], size, mode)


def _size_and_mode(
    pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> tuple[Sequence[int], str]:
    return pad, mode


def _product(call: _Call, changes: Changes) -> Tensor | None:
    """A function that is linear in each of two arguments, with or without a bias as its third."""
    (x, weight), rest = call.args[:2], call.args[3:]
    of_x, of_weight, of_bias = (*changes[:3], None)[:3]
    has_bias = len(call.args) > 2

    def product(left: Tensor, right: Tensor, bias: Tensor | None) -> Tensor:
        biases = (bias,) if has_bias else ()
        return call.function(left, right, *biases, *rest, **call.kwargs)

    if of_weight is None and of_bias is not None:
        of_weight = torch.zeros_like(weight)
    of_weights = None if of_weight is None else product(x, of_weight, of_bias)
    return _sum(None if of_x is None else product(of_x, weight, None), of_weights)


def _bias_and_product(call: _Call, changes: Changes) -> Tensor | None:
    """`baddbmm`: a bias and the product of two arguments."""
    _, left, right = call.args
    of_bias, of_left, of_right = changes
    total = None if of_bias is None else of_bias.expand(call.shape)
    for one, other in ((of_left, right), (left, of_right)):
        if one is not None and other is not None:
            total = torch.bmm(one, other) if total is None else torch.baddbmm(total, one, other)
    return total


def _addition(call: _Call, changes: Changes) -> Tensor | None:
    total = _sum(*changes)
    return None if total is None else total.expand(call.shape)


def _rectified(call: _Call, changes: Changes) -> Tensor | None:
    change = changes[0]
    if change is None:
        return None
    found: Tensor = torch.ops.aten.threshold_backward(change, call.args[0], 0)
    return found


def _normalised(call: _Call, changes: Changes) -> Tensor | None:
    """Batch norm in training mode, γ·x̂ + β: the change of x̂ by x, and x̂ with changed γ and β.

    By x the derivative of x̂ is a symmetric matrix: so the kernel of the backward pass gives it.
    """
    x, _, _, weight, bias, _, _, epsilon = call.args
    of_x, _, _, of_weight, of_bias, *_ = changes
    of_weight = torch.zeros_like(weight) if of_weight is None else of_weight
    of_bias = torch.zeros_like(bias) if of_bias is None else of_bias
    total, mean, inverse = torch.native_batch_norm(
        x, of_weight, of_bias, None, None, True, 0.0, epsilon
    )
    if of_x is None:
        return total
    by_x = torch.ops.aten.native_batch_norm_backward(
        of_x, x, weight, None, None, mean, inverse, True, epsilon, [True, False, False]
    )
    return total.add_(by_x[0])


def _sum(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    if first is None or second is None:
        return second if first is None else first
    return first + second


def _in_order(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Any, ...]:
    """Return the arguments of batch norm by position, however they were given."""
    return x, running_mean, running_var, weight, bias, training, momentum, eps


_RULES: dict[Any, Callable[[_Call, Changes], Tensor | None]] = {
    **dict.fromkeys(
        (
            windows,
            F.adaptive_avg_pool2d,
            F.avg_pool2d,
            torch.flatten,
            torch.mean,
            Tensor.__getitem__,
            Tensor.contiguous,
            Tensor.flatten,
            Tensor.mean,
            Tensor.reshape,
            Tensor.transpose,
            Tensor.view,
        ),
        _linear,
    ),
    **dict.fromkeys((torch.bmm, torch.conv2d, F.linear), _product),
    **dict.fromkeys(
        (Tensor.__add__, Tensor.__iadd__, Tensor.add, Tensor.add_, torch.add), _addition
    ),
    **dict.fromkeys((F.relu, Tensor.relu, Tensor.relu_, torch.relu), _rectified),
    torch.baddbmm: _bias_and_product,
    F.pad: _padded,
    F.batch_norm: _normalised,
}
