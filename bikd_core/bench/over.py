"""Times what learned weights add to the step of an objective, and so to a whole run.

Three steps take turns on the same batch: the objective's own, BiKD's over it with a hypergradient
and a step of the weight net, and BiKD's over it without, as it is between hypergradients. A ratio
is the median of the ratios within each turn. With `outer_from` s and `outer_every` m a run costs
s + (1 - s)·(with/m + (1 - 1/m)·without) of the objective's own.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from bikd_core.bench.report import Row
from bikd_core.bench.step import ready_loop
from bikd_core.bench.turns import in_turns
from bikd_core.config import RunConfig
from bikd_core.training.compute import keep_freed_memory

PAIRS: dict[str, dict[str, Any]] = {
    "32x4-8x4": {"dataset": "cifar10", "teacher_model": "resnet32x4", "student": "resnet8x4"},
    "20-8": {"dataset": "cifar10", "teacher_model": "resnet20", "student": "resnet8"},
    "digits": {},
}
OWN, WITH, BETWEEN = "own", "with a hypergradient", "between hypergradients"
SHARES, EVERY = (0.0, 0.5, 0.67), (1, 2, 5, 10)


def measure(pair: str, over: str, estimator: str, repeats: int) -> list[Row]:
    """Return a row for each share of the epochs without weights and each distance between steps.

    Args:
        pair: A name in `PAIRS`.
        over: The objective.
        estimator: Of the hypergradient.
        repeats: Turns of each step.
    """
    keep_freed_memory()  # as in every process that trains
    weights = {"method": "bikd", "over": over, "weight_scale": "relative", "estimator": estimator}
    ways = {
        OWN: _step(PAIRS[pair] | {"method": over}),
        WITH: _step(PAIRS[pair] | weights),
        BETWEEN: _step(PAIRS[pair] | weights | {"outer_every": 1000}),
    }
    turns = in_turns(ways, repeats)
    seconds = {way: statistics.median(turn[way] for turn in turns) for way in ways}
    with_it, without = (
        statistics.median(turn[way] / turn[OWN] for turn in turns) for way in (WITH, BETWEEN)
    )
    return [
        {
            "pair": pair,
            "over": over,
            "estimator": estimator,
            "own_seconds": seconds[OWN],
            "step_with": with_it,
            "step_between": without,
            "outer_from": share,
            "outer_every": every,
            "run_to_own": share + (1 - share) * (with_it / every + (1 - 1 / every) * without),
        }
        for share in SHARES
        for every in EVERY
    ]


def _step(controls: dict[str, Any]) -> Callable[[], float]:
    """Return what takes a step and gives its seconds."""
    config = RunConfig.from_flat(controls)
    loop, _ = ready_loop(config, torch.Generator().manual_seed(1))
    record, rows = loop.new_record(), torch.arange(config.training.batch_size)

    def step() -> float:
        start = time.perf_counter()
        loop.step(rows, record, 1, under_lens=False)
        if loop.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    return step
