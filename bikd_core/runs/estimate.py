"""How long a run will train, told from how long earlier ones did."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bikd_core.config import RunConfig
from bikd_core.data.facts import num_test_per_class, planned_counts
from bikd_core.runs.history import Snapshot

#: The controls that decide how long one image takes, besides the machine.
_DECISIVE = (
    "dataset student teacher_model method inner_steps meta_loss estimator weight_net_layers "
    "batch_size augmentation device"
).split()


def seconds_of_run(config: RunConfig, runs: Sequence[Snapshot]) -> float | None:
    """Seconds of all epochs, from the first of `runs` that is like it; None if none is.

    Training takes the time per image that it took there; what an epoch takes beside its steps,
    the evaluation above all, goes with the number of images that are evaluated. A teacher that
    has to be trained first is not counted.
    """
    wanted = _decisive(config)
    for run in runs:
        if run.epochs and run.resolved and _decisive(run.config) == wanted:
            break
    else:
        return None
    per_image = median(1 / epoch.images_per_second for epoch in run.epochs)
    num_images = sum(run.resolved.class_counts)
    beside = median(epoch.seconds - num_images / epoch.images_per_second for epoch in run.epochs)
    counts = planned_counts(config.data)
    num_evaluated = len(counts) * (config.data.val_per_class + num_test_per_class(config.data))
    share = num_evaluated / (run.resolved.num_val + run.resolved.num_test)
    return config.training.epochs * (sum(counts) * per_image + max(0.0, beside) * share)


def _decisive(config: RunConfig) -> tuple[object, ...]:
    values = config.flat()
    return tuple(values[name] for name in _DECISIVE)
