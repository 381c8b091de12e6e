"""How a run computes, chosen once at Start: estimator, precision and memory format."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import NamedTuple

import torch
from torch import nn

from bikd_core.config import (
    MemoryFormat,
    Precision,
    RunConfig,
    TrainingConfig,
    is_own_network,
)
from bikd_core.config.auto import choice
from bikd_core.models.network import Network
from bikd_core.models.own import OwnNetwork

# From glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_NEVER = 2**31 - 1  # bytes

_FORMATS: dict[MemoryFormat, torch.memory_format] = {
    "contiguous": torch.contiguous_format,
    "channels_last": torch.channels_last,
}


class Compute(NamedTuple):
    """The precision and memory format of a run, with "auto" resolved."""

    precision: Precision
    memory_format: MemoryFormat

    @classmethod
    def of(cls, config: TrainingConfig) -> Compute:
        """Return those of a config that `resolve` gave."""
        assert config.precision != "auto"
        assert config.memory_format != "auto"
        return cls(config.precision, config.memory_format)

    @property
    def layout(self) -> torch.memory_format:
        """The memory format as torch names it."""
        return _FORMATS[self.memory_format]


def resolve(config: RunConfig, device: torch.device) -> RunConfig:
    """Return the config with what "auto" stands for: how its student is trained on this device."""
    student = config.models.student
    device_type = "cpu" if device.type == "cpu" else "cuda"  # tests train on "meta" too
    meant: dict[str, str] = choice(student, device_type)._asdict()
    # As with teachers: see `prepare_teacher`.
    meant["memory_format"] = "contiguous" if is_own_network(student) else "channels_last"
    given = config.read_by_method()
    values = {name: value for name, value in meant.items() if given.get(name) == "auto"}
    return config.changed(**values) if values else config


def prepare(net: nn.Module, compute: Compute, device: torch.device) -> nn.Module:
    """Move the network to the device, set its precision and memory format, and return it."""
    net = net.to(device)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=compute.layout)
    if isinstance(net, OwnNetwork):
        net.layout = compute.layout
    if isinstance(net, Network):
        net.precision = compute.precision
    return net


def prepare_teacher(net: nn.Module, compute: Compute, device: torch.device) -> nn.Module:
    """Prepare a network as the student is, but in the memory format that any network can take.

    A network that is not the product's own may take a layer's output for contiguous, and then
    fails; as a student it is so only where somebody asks for channels_last.
    """
    if isinstance(net, OwnNetwork):
        compute = compute._replace(memory_format="contiguous")
    return prepare(net, compute, device)


def compute_float32_exactly() -> None:
    """Let cuDNN compute float32 convolutions in float32, in this process.

    torch's default rounds what they read to TF32's 10 bits, which is too coarse for the difference
    of two passes: `finite_difference` was then wrong by 2 to 8 % (H200, 32x4-8x4 and 56-20).
    """
    torch.backends.cudnn.allow_tf32 = False


@cache
def keep_freed_memory() -> bool:
    """Let this process keep freed CPU memory for the next step; return whether it can.

    Otherwise glibc returns each large tensor to the system and maps it again, page by page, which
    takes a fifth of a ResNet's step. Only glibc offers this setting.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # Windows and macOS lack it
        return False
    return all(mallopt(which, _NEVER) == 1 for which in (_TRIM_THRESHOLD, _MMAP_THRESHOLD))


def compile_for(net: Network, image_shape: torch.Size, compute: Compute) -> str:
    """Compile the network's forward pass; return "" or a sentence that says why it failed.

    It is for networks that are not trained, such as a teacher, and is tried out on two images.

    Args:
        net: Left uncompiled if compiling fails.
        image_shape: (channels, H, W).
        compute: Gives the memory format.
    """
    device = next(net.parameters()).device
    images = torch.zeros(2, *image_shape, device=device).to(memory_format=compute.layout)
    try:
        net.compiled = torch.compile(net.layers_forward, dynamic=True)
        with torch.no_grad():
            net(images)
    except (RuntimeError, ImportError, OSError) as error:  # no compiler, or an unsupported kernel
        net.compiled = None
        first = str(error).strip().splitlines()[:1] or [type(error).__name__]
        return (
            f"torch.compile is not possible here, so the teacher runs without it: {first[0][:200]}"
        )
    return ""
