"""Does the weight net favour the tail? The default digits run over seeds."""

from __future__ import annotations

import time

from bikd_core.bench.report import Row
from bikd_core.config import RunConfig
from bikd_core.evaluation import head_to_tail
from bikd_core.events import EpochDone, RunStarted
from bikd_core.places import Places

NUM_OF_EACH = 3  # classes at each end


def measure(seeds: tuple[int, ...], places: Places) -> list[Row]:
    """One row a seed: mean w_hard of the three head and the three tail classes, last epoch."""
    import torch

    from bikd_core.training import train
    from bikd_core.training.compute import keep_freed_memory

    keep_freed_memory()  # as a process that trains does
    torch.set_num_threads(max(1, torch.get_num_threads() - 1))  # as a run beside the page has
    rows: list[Row] = []
    for seed in seeds:
        start = time.perf_counter()
        events = list(train(RunConfig.from_flat({"seed": seed}), places=places))
        whole = time.perf_counter() - start
        order = head_to_tail(next(e for e in events if isinstance(e, RunStarted)).class_counts)
        epochs = [event for event in events if isinstance(event, EpochDone)]
        weights = epochs[-1].w_hard_per_class
        assert weights is not None  # the default method has a weight net
        head = sum(weights[label] for label in order[:NUM_OF_EACH]) / NUM_OF_EACH
        tail = sum(weights[label] for label in order[-NUM_OF_EACH:]) / NUM_OF_EACH
        rows.append(
            {
                "seed": seed,
                "w_hard_head": head,
                "w_hard_tail": tail,
                "tail_above_head": tail > head,
                "accuracy": epochs[-1].accuracy,
                "accuracy_few": epochs[-1].accuracy_few,
                "training_seconds": sum(event.seconds for event in epochs),
                "seconds_with_start": whole,
            }
        )
    return rows
