"""Which labels a run doubts: what its weights and influence of many epochs say of each image.

Without torch, as pages need it. N images, E epochs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LAST = 3  # the last third of the epochs counts
MOST_EPOCHS = 60  # that are read; of more, every n-th


class Doubts(NamedTuple):
    """What a run says of each image's label."""

    weight: NDArray[np.float64]  # (N,) mean w_hard
    influence: NDArray[np.float64]  # (N,) mean influence of w_hard; NaN where no step had one
    is_doubted: NDArray[np.bool_]  # (N,) whether both say that the label is wrong

    @property
    def scores(self) -> NDArray[np.float64]:
        """The mean of an image's two ranks, (N,): larger is more doubted."""
        known = np.nan_to_num(self.influence, nan=-np.inf)
        return (_ranks(-self.weight) + _ranks(known)) / 2


def epochs_that_count(last: int) -> tuple[int, ...]:
    """Return the last third of the epochs from 1 to `last`, or every n-th of very many, rising."""
    first = last - max(last // LAST, 1) + 1
    every = -(-(last - first + 1) // MOST_EPOCHS)
    return tuple(range(last, first - 1, -every))[::-1]


def label_doubts(
    weights: NDArray[np.floating[Any]], influence: NDArray[np.floating[Any]]
) -> Doubts:
    """Return which labels are doubted.

    A label is doubted if the weight net gives its hard loss less than the mean weight, and D_val
    would be better off with less of it: its mean influence is above 0.

    Args:
        weights: (E, N) w_hard of each image in each epoch.
        influence: (E, N) of w_hard; NaN in epochs in which an image's step had none.
    """
    mean = weights.astype(np.float64).mean(axis=0)
    is_known = ~np.isnan(influence)
    total = np.where(is_known, influence, 0.0).sum(axis=0, dtype=np.float64)
    count = is_known.sum(axis=0)
    wanted = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return Doubts(mean, wanted, (mean < mean.mean()) & (wanted > 0))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rank of each value, from 0 up, ties in their order; (N,) -> (N,)."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks
