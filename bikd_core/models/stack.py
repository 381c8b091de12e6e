"""K networks of one architecture as one: each layer serves all of them in one call.

A student of small images spends its time in the calls of torch, not in arithmetic. So the seeds of
a config train together: their parameters are stacked, (K, …) each, and keep their names. Inside,
the images of a batch are the last dimension, so that what is done to a pixel is done to a row of
memory: for small images that also beats torch's own convolutions, which want many channels.

K networks, B images each, c channels, H height, W width, k kernel size, s stride, p padding.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import handle_torch_function, has_torch_function_unary

from bikd_core.models.network import Network


class Stack(Network):
    """K networks of one architecture, each on images of its own: (K, B, …) -> (K, B, C).

    A `state_dict` of it holds those of the networks, stacked. `layers_forward` of the architecture
    serves here too: so it may use its layers, functions of single values, and dimensions 1 to 3,
    counted from the front.

    Args:
        nets: The networks; they share no memory with the stack.
    """

    def __init__(self, nets: Sequence[nn.Module]) -> None:
        super().__init__()
        self.size = len(nets)
        for name, _ in nets[0].named_children():
            self.add_module(name, _stacked([net.get_submodule(name) for net in nets]))
        self._architecture = type(nets[0])
        self.load_members([net.state_dict() for net in nets])
        self.train(nets[0].training)

    def layers_forward(self, images: Tensor) -> Tensor:
        """Return logits; (K, B, …) -> (K, B, C)."""
        values = images.movedim(1, -1).contiguous()
        if issubclass(self._architecture, Network):
            values = self._architecture.layers_forward(self, values)
        else:
            for layer in self.children():
                values = layer(values)
        return values.transpose(1, 2).contiguous()

    def load_members(self, states: Sequence[Mapping[str, Tensor]]) -> None:
        """Take over the state of each network."""
        self.load_state_dict({n: torch.stack([state[n] for state in states]) for n in states[0]})

    def members(self) -> Iterator[dict[str, Tensor]]:
        """Return the state of each network; its tensors share memory with the stack's."""
        state = self.state_dict()
        for number in range(self.size):
            yield {name: value[number] for name, value in state.items()}


def _stacked(modules: Sequence[nn.Module]) -> nn.Module:
    """Return the counterpart of K modules: a layer of its own kind, or a copy with new layers."""
    first, size = modules[0], len(modules)
    match first:
        case nn.Conv2d():
            return _Convolutions(first, size)
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            return _BatchNorms(first, size)
        case nn.Linear():
            return _Linears(first, size)
    assert not list(first.parameters(recurse=False)), f"no stack of {type(first).__name__} yet"
    whole = copy.copy(first)
    whole._modules = {
        name: _stacked([module.get_submodule(name) for module in modules])
        for name, _ in first.named_children()
    }
    return whole


def _empty(first: Tensor, size: int) -> Tensor:
    return first.new_empty(size, *first.shape)


class _Convolutions(nn.Module):
    """K convolutions without bias: (K, c, H, W, B) -> (K, c', H', W', B)."""

    def __init__(self, conv: nn.Conv2d, size: int) -> None:
        super().__init__()
        assert conv.bias is None, "no stack of convolutions with a bias yet"
        assert conv.groups == conv.dilation[0] == 1, "no stack of such convolutions yet"
        self.weight = nn.Parameter(_empty(conv.weight.detach(), size))
        self.geometry = (conv.kernel_size[0], conv.stride[0], int(conv.padding[0]))

    def forward(self, x: Tensor) -> Tensor:
        height, width, batch = x.shape[2:]
        kernel, stride, padding = self.geometry
        sizes = [(n + 2 * padding - kernel) // stride + 1 for n in (height, width)]
        out = torch.bmm(self.weight.flatten(2), windows(x, self.geometry))
        return out.view(*out.shape[:2], *sizes, batch)


class _BatchNorms(nn.Module):
    """K batch norms: (K, c, …, B) -> (K, c, …, B), with the statistics of each network's images."""

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(_empty(norm.weight.detach(), size))
        self.bias = nn.Parameter(_empty(norm.bias.detach(), size))
        for name, value in norm.named_buffers():
            self.register_buffer(name, _empty(value, size))
        assert norm.momentum is not None
        self.momentum, self.eps = norm.momentum, norm.eps

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.num_batches_tracked.add_(1)  # type: ignore[operator]
        channels = x.reshape(1, x.shape[0] * x.shape[1], -1)
        mean, variance = self.running_mean.view(-1), self.running_var.view(-1)  # type: ignore[operator]
        normalised = F.batch_norm(
            channels,
            mean,
            variance,
            self.weight.view(-1),
            self.bias.view(-1),
            self.training,
            self.momentum,
            self.eps,
        )
        return normalised.view(x.shape)


class _Linears(nn.Module):
    """K linear layers: (K, c, B) -> (K, c', B)."""

    def __init__(self, linear: nn.Linear, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(_empty(linear.weight.detach(), size))
        self.bias = nn.Parameter(_empty(linear.bias.detach(), size))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias[:, :, None], self.weight, x)


Geometry = tuple[int, int, int]  # k, s, p


def windows(x: Tensor, geometry: Geometry) -> Tensor:
    """Lay out what each output of a convolution sees; (K, c, H, W, B) -> (K, c·k·k, H'·W'·B)."""
    if has_torch_function_unary(x):  # so that a call of it can be remembered, as one of torch's
        return handle_torch_function(windows, (x,), x, geometry)
    found: Tensor = _Windows.apply(x, geometry)
    return found


class _Windows(torch.autograd.Function):
    """The `windows` of images.

    Linear, and `_Sums` is its transpose: so both have every derivative, forward and backward.
    """

    @staticmethod
    def forward(x: Tensor, geometry: Geometry) -> Tensor:
        kernel, stride, padding = geometry
        x = F.pad(x, (0, 0, padding, padding, padding, padding)).contiguous()
        size, channels, height, width, batch = x.shape
        rows, columns = ((n - kernel) // stride + 1 for n in (height, width))
        shape = (size, channels, kernel, kernel, rows, columns, batch)
        steps = x.stride()
        steps = (*steps[:2], *steps[2:4], stride * steps[2], stride * steps[3], 1)
        return x.as_strided(shape, steps).reshape(size, channels * kernel**2, -1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Geometry], output: Tensor) -> None:
        ctx.shape, ctx.geometry = inputs[0].shape, inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Sums.apply(gradient, ctx.shape, ctx.geometry), None

    @staticmethod
    def jvp(ctx: Any, change: Tensor, _: None) -> Tensor:
        found: Tensor = _Windows.apply(change, ctx.geometry)
        return found


class _Sums(torch.autograd.Function):
    """Adds what the windows hold to the pixels that they see: the transpose of `_Windows`."""

    @staticmethod
    def forward(windows: Tensor, shape: torch.Size, geometry: Geometry) -> Tensor:
        kernel, stride, padding = geometry
        size, channels, height, width, batch = shape
        inside = [n + 2 * padding for n in (height, width)]
        rows, columns = ((n - kernel) // stride + 1 for n in inside)
        windows = windows.reshape(size, channels, kernel, kernel, rows, columns, batch)
        total = windows.new_zeros(size, channels, *inside, batch)
        for i in range(kernel):
            for j in range(kernel):
                seen = total[
                    :, :, i : i + stride * rows : stride, j : j + stride * columns : stride
                ]
                seen[:, :, :rows, :columns] += windows[:, :, i, j]
        return total[:, :, padding : padding + height, padding : padding + width].contiguous()

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, torch.Size, Geometry], output: Tensor
    ) -> None:
        ctx.shape, ctx.geometry = inputs[1:]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _Windows.apply(gradient, ctx.geometry), None, None

    @staticmethod
    def jvp(ctx: Any, change: Tensor, *_: None) -> Tensor:
        found: Tensor = _Sums.apply(change, ctx.shape, ctx.geometry)
        return found
