"""Networks of timm, of torchvision, or of somebody's own code, as students and teachers.

B images of a batch, C classes.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from bikd_core.config import ConfigError, allowed_code, is_code, network_refusal
from bikd_core.models.network import Network

_TRIED = 2  # images: batch norm needs two


class OwnNetwork(Network):
    """A network that the project did not write, as a classifier like the others.

    A network for three channels sees a grey image three times.
    """

    layout: torch.memory_format | None = None  # of the images that it is given; None: as they come

    def __init__(self, net: nn.Module, *, repeats_grey: bool) -> None:
        super().__init__()
        self.net = net
        self.repeats_grey = repeats_grey

    def layers_forward(self, images: Tensor) -> Tensor:
        """Return logits; (B, channels, H, W) -> (B, C)."""
        if self.repeats_grey:
            images = images.expand(-1, 3, -1, -1)
        if self.layout is not None:
            images = images.contiguous(memory_format=self.layout)
        if not self.training:
            return self._logits(images)
        # torch's fused kernels of attention have neither forward-mode nor second derivatives.
        with sdpa_kernel(SDPBackend.MATH):
            return self._logits(images)

    def _logits(self, images: Tensor) -> Tensor:
        logits = self.net(images)
        # Inception and GoogLeNet give auxiliary logits too while they train.
        found: Tensor = logits if isinstance(logits, Tensor) else logits[0]
        return found


def build_own(
    name: str, num_classes: int, channels: int, size: int, generator: torch.Generator
) -> OwnNetwork:
    """Return a network that is not the project's, on the CPU and in training mode.

    Its own code initialises it, from a seed that the generator draws; the global random state of
    torch stays untouched.

    Args:
        name: timm:NAME, torchvision:NAME, or module:function.
        num_classes: C.
        channels: Of the images.
        size: Height and width of the images in pixels.
        generator: On the CPU.

    Raises:
        ConfigError: This process may not import it, its library is not installed or does not know
            it, or it does not take these images: one sentence.
    """
    if why := network_refusal("network", name):
        raise ConfigError(why)
    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        net = _made(name, num_classes, channels, size)
        _try_out(net, name, num_classes, channels, size)
    return net


def _made(name: str, num_classes: int, channels: int, size: int) -> OwnNetwork:
    source, _, rest = name.partition(":")
    if is_code(name):
        return _of_code(name, num_classes)
    make = {"timm": _of_timm, "torchvision": _of_torchvision}[source]
    try:
        return make(rest, num_classes, channels, size)
    except ConfigError:
        raise
    except (ValueError, RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(
            f"network = {name!r} is not possible for images of {channels}×{size}×{size}: "
            f"{_first_line(error)}"
        ) from error


def _of_timm(name: str, num_classes: int, channels: int, size: int) -> OwnNetwork:
    import timm

    if not timm.is_model(name):
        raise ConfigError(f"network = 'timm:{name}' is not possible: timm has no such network.")
    options: dict[str, Any] = {"num_classes": num_classes, "in_chans": channels}
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if config is not None and config.fixed_input_size:  # its positions are made for one size
        options["img_size"] = size
    return OwnNetwork(timm.create_model(name, pretrained=False, **options), repeats_grey=False)


def _of_torchvision(name: str, num_classes: int, channels: int, size: int) -> OwnNetwork:
    from torchvision import models

    if name not in models.list_models(module=models):
        raise ConfigError(
            f"network = 'torchvision:{name}' is not possible: torchvision has no such classifier."
        )
    options: dict[str, Any] = {"num_classes": num_classes}
    if name in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False, "init_weights": True}
    if name.startswith("vit_"):
        options["image_size"] = size
    return OwnNetwork(models.get_model(name, weights=None, **options), repeats_grey=channels == 1)


def _of_code(name: str, num_classes: int) -> OwnNetwork:
    net = _factory(name)(num_classes)
    if not isinstance(net, nn.Module):
        raise ConfigError(
            f"network = {name!r} is not possible: it returned a {type(net).__name__}; it must be a "
            "function of the number of classes that returns a torch.nn.Module."
        )
    return OwnNetwork(net, repeats_grey=False)


def _factory(name: str) -> Callable[[int], object]:
    """Import the function that a name of code stands for: only after `network_refusal`."""
    module, _, function = name.partition(":")
    folder = allowed_code().folder
    if folder is not None and str(folder) not in sys.path:
        sys.path.append(str(folder))  # last: a file of the same name hides no module
    try:
        found = getattr(importlib.import_module(module), function, None)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"network = {name!r} is not possible: there is no module {error.name!r} here."
        ) from error
    if not callable(found):
        raise ConfigError(
            f"network = {name!r} is not possible: {module} has no function {function!r}."
        )
    factory: Callable[[int], object] = found
    return factory


def _try_out(net: OwnNetwork, name: str, num_classes: int, channels: int, size: int) -> None:
    """Let a network see two images in both modes; note whether it draws, and leave it as it was.

    Raises:
        ConfigError: It does not take them, or does not return a logit for each class.
    """
    shape = f"{channels}×{size}×{size}"
    images = torch.zeros(_TRIED, channels, size, size)
    net.eval()
    try:
        with torch.no_grad():
            found: object = net(images)
            net.train()
            net.draws = draws(net, images)
    except Exception as error:  # foreign code raises anything; it stays the cause
        raise ConfigError(
            f"network = {name!r} does not take images of {shape}: {_first_line(error)}"
        ) from error
    if not isinstance(found, Tensor) or found.shape != (_TRIED, num_classes):
        kind = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ConfigError(
            f"network = {name!r} is not possible: for {_TRIED} images it returned {kind}; it must "
            f"be logits of the shape ({_TRIED}, {num_classes})."
        )


def draws(net: nn.Module, images: Tensor) -> bool:
    """Return whether a pass draws from torch's random state of the CPU, in the network's mode.

    The network's buffers, such as running statistics, stay as they were, and so does the state.

    Args:
        net: On the CPU.
        images: (B, …) that it takes.
    """
    kept = [buffer.clone() for buffer in net.buffers()]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        before = torch.get_rng_state()
        net(images)
        has_drawn = not torch.equal(before, torch.get_rng_state())
        for buffer, value in zip(net.buffers(), kept, strict=True):
            buffer.copy_(value)
    return has_drawn


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"{lines[0][:200].rstrip('.')}."
