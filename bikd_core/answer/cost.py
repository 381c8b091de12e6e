"""What each chosen method costs beside plain KD: an epoch of each, timed in turns in this process.

The runs of an answer cannot say it: they end in different hours, some on other machines.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import torch

from bikd_core.answer.report import as_entry
from bikd_core.answer.stages import Answer
from bikd_core.bench.turns import in_turns
from bikd_core.config import RunConfig
from bikd_core.runs.cost import seconds_of_epoch
from bikd_core.speed import Speed
from bikd_core.training.compute import keep_freed_memory
from bikd_core.training.measure import measure

REFERENCE = "kd"
NUM_TURNS = 25  # a few steps each: with five, the same method came out 0.8 and 1.0 times itself

#: Called with a config: the seconds of one of its epochs.
Clock = Callable[[RunConfig], float]


def result(answer: Answer, clock: Clock | None = None) -> dict[str, Any]:
    """Return the content of the cost file: `rows` of `method`, as in the answer, and its costs.

    `ratio_to_kd` is the median of the ratios within each turn. Class biases are fitted when a run
    has ended, which takes no time worth telling, so most methods cost the same with them.

    Args:
        answer: All its trials have results, and KD is among its entries.
        clock: Times an epoch; None: here, on one thread, as a run of an answer is trained.
    """
    configs = {
        as_entry(answer, choice): answer.config(
            answer.seed_run(choice, answer.plan.seeds(is_finalist=False)[0])
        )
        for choice in answer.chosen().choices
    }
    reference = next(
        configs[as_entry(answer, choice)]
        for choice in answer.chosen().choices
        if choice.method == REFERENCE and choice.calibration == "none"
    )
    ways = {config: partial(clock or _seconds_here, config) for config in configs.values()}
    turns = in_turns(ways, NUM_TURNS)
    return {
        "answer": answer.plan.name,
        "turns": len(turns),
        "rows": [
            {
                "method": method,
                "seconds_per_epoch": median(turn[config] for turn in turns),
                "ratio_to_kd": median(turn[config] / turn[reference] for turn in turns),
            }
            for method, config in configs.items()
        ],
    }


def _seconds_here(config: RunConfig) -> float:
    keep_freed_memory()  # as in every process that trains
    torch.set_num_threads(1)
    return seconds_of_epoch(config, _speed_here)


def _speed_here(config: RunConfig) -> Speed:
    speeds = measure(config, lambda: False)
    assert speeds is not None  # nobody cancels it
    return speeds.run
