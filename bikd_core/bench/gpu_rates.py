"""What a device can do at best: matrix products, copies, and small calls one after the other.

The least time of a step follows from them: it can neither compute, nor move data, nor be called
faster than that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from bikd_core.config import Precision

SIDE = {"cuda": 8192, "cpu": 256}  # of the square matrices
COPIED_BYTES = {"cuda": 1 << 30, "cpu": 1 << 24}
NUM_CALLS = 1000
_REPEATS = 5
_DTYPES: dict[Precision, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Rates(NamedTuple):
    """The measured rates of a device."""

    flop_per_s: dict[Precision, float]  # of a large matrix product
    bytes_per_s: float  # read and written
    seconds_per_call: float  # of an operation on a few numbers, many of them queued


class Work(NamedTuple):
    """What a step asks of a device."""

    flop: int  # of convolutions and matrix products
    num_bytes: int  # read and written, if each operation reads its inputs and writes its outputs
    num_calls: int  # operations that compute or move something


def measure_rates(device: torch.device) -> Rates:
    """Return the best of some repeats of each rate."""
    side, size = SIDE[device.type], COPIED_BYTES[device.type]
    flop_per_s = {}
    for precision, dtype in _DTYPES.items():
        matrix = torch.ones(side, side, dtype=dtype, device=device)
        flop_per_s[precision] = 2 * side**3 / _seconds(device, partial(torch.mm, matrix, matrix))
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    few = torch.ones(8, device=device)

    def calls() -> None:
        for _ in range(NUM_CALLS):
            few.mul_(1.0)

    return Rates(
        flop_per_s,
        2 * size / _seconds(device, lambda: target.copy_(source)),
        _seconds(device, calls) / NUM_CALLS,
    )


def _seconds(device: torch.device, work: Callable[[], Any]) -> float:
    """Return the least seconds of some repeats, after one that warms up."""
    taken = []
    for _ in range(1 + _REPEATS):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return min(taken[1:])


def work_of(step: Callable[[], object]) -> Work:
    """Count what a step asks of a device; the step is taken twice."""
    with FlopCounterMode(display=False) as flops:
        step()
    with _Traffic() as traffic:
        step()
    return Work(flops.get_total_flops(), traffic.num_bytes, traffic.num_calls)


class _Traffic(TorchDispatchMode):
    """Counts operations and the bytes of their inputs and outputs; views cost nothing."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.num_bytes = self.num_calls = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        returns = func._schema.returns
        is_view = any(value.alias_info and not value.alias_info.is_write for value in returns)
        if not is_view:
            self.num_calls += 1
            leaves = torch.utils._pytree.tree_leaves((args, kwargs, result))
            self.num_bytes += sum(x.nbytes for x in leaves if isinstance(x, torch.Tensor))
        return result


def floor_of(work: Work, rates: Rates, precision: Precision) -> dict[str, float]:
    """Return the least seconds that a step's work can take on a device, by what limits it."""
    return {
        "compute_floor_s": work.flop / rates.flop_per_s[precision],
        "memory_floor_s": work.num_bytes / rates.bytes_per_s,
        "call_floor_s": work.num_calls * rates.seconds_per_call,
    }
