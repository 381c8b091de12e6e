"""Times steps of the published algorithm, BiKD and KD, each beside its floor, with its memory.

The variants take turns, as in `bench step`; all are in this process. A step of BiKD is the mean of
one with a step of the weight net and one without.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import torch

from bikd_core.bench.gpu_rates import Rates, floor_of, work_of
from bikd_core.bench.gpu_results import Deadline
from bikd_core.bench.report import Row
from bikd_core.bench.step import KD, PAIRS, PUBLISHED, VARIANTS, TimedVariant

#: What matters most comes first, and is built first.
NAMES = (KD, "finite_difference", "forward", PUBLISHED)
MAX_TURNS = 7


def measure_steps(pair: str, rates: Rates, deadline: Deadline) -> Iterator[list[Row]]:
    """Yield the rows of a pair in `PAIRS` as they grow and after each turn, until the deadline.

    Args:
        pair: Teacher and student.
        rates: What the device can do.
        deadline: No variant and no turn begins after it. The first ones are taken in any case.
    """
    wanted = [v for name in NAMES for v in VARIANTS if v.name == name]
    timed: list[TimedVariant] = []
    rows: list[Row] = []
    seconds: list[list[float]] = []
    for variant in wanted:
        if timed and deadline.is_over:
            return
        timed.append(TimedVariant(pair, variant))
        rows.append(_row(pair, timed[-1], rates))  # and so it has warmed up
        seconds.append([])
        _take_turn(timed[-1], seconds[-1], rows[-1])
        yield rows
    for _ in range(1, MAX_TURNS):
        if deadline.is_over:
            return
        for one, taken, row in zip(timed, seconds, rows, strict=True):
            _take_turn(one, taken, row)
        yield rows


def _take_turn(timed: TimedVariant, seconds: list[float], row: Row) -> None:
    """Time a variant once more, and put what all its turns say into its row."""
    seconds.append(statistics.fmean(timed.measure().values()))
    row |= {
        "turns": len(seconds),
        "seconds": statistics.median(seconds),
        "seconds_low": min(seconds),
        "seconds_high": max(seconds),
    }
    row["seconds_to_floor"] = row["seconds"] / row["floor_s"]


def _row(pair: str, timed: TimedVariant, rates: Rates) -> Row:
    variant, config = timed.variant, timed.loop.config
    num_steps = len(timed.measure())
    work = work_of(timed.measure)
    floors = {
        name: value / num_steps for name, value in floor_of(work, rates, variant.precision).items()
    }
    return {
        "pair": pair,
        "teacher": PAIRS[pair]["teacher_model"],
        "student": PAIRS[pair]["student"],
        "batch_size": config.training.batch_size,
        "variant": variant.name,
        "precision": variant.precision,
        "gflop": work.flop / num_steps / 1e9,
        "moved_mb": work.num_bytes / num_steps / 1e6,
        "calls": work.num_calls / num_steps,
        **floors,
        "floor_s": max(floors.values()),
        "peak_mb": _peak_mb(timed),
    }


def _peak_mb(timed: TimedVariant) -> float | None:
    """Return what a step needs beyond what lies on the card before it; None on the CPU."""
    if timed.device.type != "cuda":
        return None
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    timed.measure()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 1e6
