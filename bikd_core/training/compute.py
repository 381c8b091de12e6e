"""How a run computes, chosen once at Start: precision of the layers and memory format."""

from __future__ import annotations

import ctypes
import statistics
import time
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bikd_core.config import MemoryFormat, Precision, TrainingConfig
from bikd_core.hypergradient import logits_at, parameters
from bikd_core.models.network import Network, computing_in
from bikd_core.models.resnet import ResNet

CHECK_IMAGES = 32  # batch size of the self-check
CHECK_TIMES = 5
MIN_GAIN = 1.3  # "auto" takes bfloat16 only if it is this many times as fast
MAX_ERROR = 0.05  # in the student's logits, relative to their norm; a ResNet-56 has 0.02

# From glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_NEVER = 2**31 - 1  # bytes

_FORMATS: dict[MemoryFormat, torch.memory_format] = {
    "contiguous": torch.preserve_format,  # new tensors are contiguous anyway
    "channels_last": torch.channels_last,
}


class Compute(NamedTuple):
    """The precision and memory format of a run, with "auto" resolved."""

    precision: Precision
    memory_format: MemoryFormat

    @property
    def layout(self) -> torch.memory_format:
        """The memory format as torch names it."""
        return _FORMATS[self.memory_format]


def resolve(config: TrainingConfig, student: nn.Module, image_shape: torch.Size) -> Compute:
    """Return how to train this student on the device that it is on.

    Args:
        config: May ask for "auto".
        student: In training mode; it does not change.
        image_shape: (channels, H, W).
    """
    memory_format: MemoryFormat
    if config.memory_format == "auto":
        memory_format = "channels_last" if isinstance(student, ResNet) else "contiguous"
    else:
        memory_format = config.memory_format
    precision: Precision
    if config.precision != "auto":
        precision = config.precision
    elif isinstance(student, ResNet):
        precision = _faster_precision(student, image_shape, _FORMATS[memory_format])
    else:
        precision = "float32"  # too small to gain anything
    return Compute(precision, memory_format)


def prepare(net: nn.Module, compute: Compute, device: torch.device) -> nn.Module:
    """Move the network to the device, set its precision and memory format, and return it."""
    net = net.to(device)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=compute.layout)
    if isinstance(net, Network):
        net.precision = compute.precision
    return net


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


def _faster_precision(
    student: nn.Module, image_shape: torch.Size, layout: torch.memory_format
) -> Precision:
    """Return bfloat16 if it is clearly faster on this machine and its logits are close enough."""
    device = next(student.parameters()).device
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(CHECK_IMAGES, *image_shape, generator=draw).to(device)
    images = images.to(memory_format=layout)
    exact, coarse = (_forward_backward(student, images, name) for name in ("float32", "bfloat16"))
    if not (coarse - exact).norm() < MAX_ERROR * exact.norm():
        return "float32"
    seconds: dict[Precision, list[float]] = {"float32": [], "bfloat16": []}
    for _ in range(CHECK_TIMES):
        for precision, taken in seconds.items():
            start = time.perf_counter()
            _forward_backward(student, images, precision)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            taken.append(time.perf_counter() - start)
    gain = statistics.median(seconds["float32"]) / statistics.median(seconds["bfloat16"])
    return "bfloat16" if gain >= MIN_GAIN else "float32"


def _forward_backward(student: nn.Module, images: Tensor, precision: Precision) -> Tensor:
    """Run forward and backward once and return the logits; the student does not change."""
    theta = {name: value.requires_grad_() for name, value in parameters(student).items()}
    with computing_in(student, precision):
        logits = logits_at(student, theta, images)
    labels = torch.arange(len(images), device=images.device) % logits.shape[1]
    torch.autograd.grad(F.cross_entropy(logits, labels), list(theta.values()))
    return logits.detach()
