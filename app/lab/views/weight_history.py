"""The weight histograms of all of a run's epochs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bikd_core.events import WEIGHT_BINS
from bikd_core.runs import Snapshot, StoreError


def weight_counts(snapshot: Snapshot, labels: Sequence[int]) -> NDArray[np.int64]:
    """Return the images of some classes by weight, [E, 2, 64], of hard and of soft.

    An epoch whose frame is gone or damaged has no images; the figure says how many those are.
    """
    counts = np.zeros((len(snapshot.epochs), 2, WEIGHT_BINS), dtype=np.int64)
    for number in range(len(counts)):
        histograms = _histograms(snapshot, number + 1)
        if histograms is not None:
            counts[number] = histograms[:, list(labels)].sum(axis=1)
    return counts


def _histograms(snapshot: Snapshot, epoch: int) -> NDArray[np.int32] | None:
    """Return an epoch's histograms, [2, C, 64]; None if its frame is unreadable or has none."""
    try:
        return snapshot.folder.frame_arrays(epoch, "histograms")["histograms"]
    except StoreError:
        return None
