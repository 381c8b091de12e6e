"""The step of an epoch that each run keeps for the view One step, though nobody steps."""

from __future__ import annotations

from bikd_core.config import RunConfig, WeightNetOptions
from bikd_core.methods import Method
from bikd_core.methods.bilevel import BilevelMethod


def kept_epochs(config: RunConfig) -> frozenset[int]:
    """Return the epochs, from 1, of which a run keeps a step.

    They are the first, the middle and the last one, and the first in which the weight net learns.
    """
    epochs, options = config.training.epochs, config.method
    kept = {1, (epochs + 1) // 2, epochs}
    if isinstance(options, WeightNetOptions):
        kept.add(min(options.epochs_without_learning(epochs) + 1, epochs))
    return frozenset(kept)


def kept_step(config: RunConfig, method: Method, epoch: int, num_steps: int) -> int:
    """Return the number of the step to keep of an epoch that is about to begin, from 1; 0: none.

    It is the first one in which the weight net moves; without one, the epoch's first.

    Args:
        config: The run.
        method: As it stands before the epoch.
        epoch: Counted from 1.
        num_steps: The epoch's steps.
    """
    if epoch not in kept_epochs(config):
        return 0
    ahead = method.steps_to_weight_step if isinstance(method, BilevelMethod) else None
    return 1 if ahead is None or ahead > num_steps else ahead
