"""Measures whether the weight net favours the tail, in the default digits run over seeds."""

from __future__ import annotations

import time

from bikd_core.bench.report import Row
from bikd_core.config import RunConfig
from bikd_core.evaluation import head_to_tail
from bikd_core.events import EpochDone, RunStarted
from bikd_core.places import Places

NUM_CLASSES = 3  # at each end


def measure(seeds: tuple[int, ...], places: Places) -> list[Row]:
    """Return a row per seed: mean w_hard of three head and three tail classes in the last epoch."""
    import torch

    from bikd_core.training import train
    from bikd_core.training.compute import keep_freed_memory

    keep_freed_memory()  # as in every process that trains
    torch.set_num_threads(max(1, torch.get_num_threads() - 1))  # as for a run of the page
    rows: list[Row] = []
    for seed in seeds:
        start = time.perf_counter()
        events = list(train(RunConfig.from_flat({"seed": seed}), places=places))
        seconds = time.perf_counter() - start
        order = head_to_tail(next(e for e in events if isinstance(e, RunStarted)).class_counts)
        epochs = [event for event in events if isinstance(event, EpochDone)]
        weights = epochs[-1].w_hard_per_class
        assert weights is not None  # the default method has a weight net
        head = sum(weights[label] for label in order[:NUM_CLASSES]) / NUM_CLASSES
        tail = sum(weights[label] for label in order[-NUM_CLASSES:]) / NUM_CLASSES
        rows.append(
            {
                "seed": seed,
                "w_hard_head": head,
                "w_hard_tail": tail,
                "tail_above_head": tail > head,
                "accuracy": epochs[-1].accuracy,
                "accuracy_few": epochs[-1].accuracy_few,
                "training_seconds": sum(event.seconds for event in epochs),
                "seconds_with_start": seconds,
            }
        )
    return rows
