"""The weight histograms of all of a run's epochs, each taken from its frame once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from bikd_core.runs import Snapshot, StoreError

_MAX_RUNS = 8  # held at once: ten megabytes each at worst, of 200 epochs and 100 classes


class _Kept(NamedTuple):
    """The histograms of an epoch. A resumed run may train it again; its seconds then differ."""

    seconds: float
    histograms: NDArray[np.int32] | None  # [2, C, 64]; None: the frame is unreadable or has none


class WeightHistory:
    """What has been read of one run so far. Safe for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the next one
        self._epochs: dict[int, _Kept] = {}

    def counts(self, snapshot: Snapshot, labels: Sequence[int]) -> NDArray[np.int64]:
        """Return images of some classes by weight, [E, 2, 64], of hard and of soft.

        An epoch whose frame is gone or damaged has no images.
        """
        with self._lock:
            found = [self._histograms(snapshot, n + 1) for n in range(len(snapshot.epochs))]
        bins = next((histograms.shape[2] for histograms in found if histograms is not None), 1)
        counts = np.zeros((len(found), 2, bins), dtype=np.int64)
        for place, histograms in enumerate(found):
            if histograms is not None:
                counts[place] = histograms[:, list(labels)].sum(axis=1)
        return counts

    def _histograms(self, snapshot: Snapshot, epoch: int) -> NDArray[np.int32] | None:
        seconds = snapshot.epochs[epoch - 1].seconds
        kept = self._epochs.get(epoch)
        if kept is None or kept.seconds != seconds:
            kept = self._epochs[epoch] = _Kept(seconds, _read(snapshot, epoch))
        return kept.histograms


def _read(snapshot: Snapshot, epoch: int) -> NDArray[np.int32] | None:
    try:
        return snapshot.folder.frame(epoch).histograms
    except StoreError:
        return None  # the figure says how many epochs are missing


def history_of(snapshot: Snapshot) -> WeightHistory:
    """Return the one history of a run in this server, for all its viewers."""
    return _history(str(snapshot.folder.path))


@st.cache_resource(max_entries=_MAX_RUNS, show_spinner=False)
def _history(folder: str) -> WeightHistory:
    return WeightHistory()
