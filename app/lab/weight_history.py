"""The weight histograms of all of a run's epochs, read from its frames: each file once.

A frame is written once, or anew after the run was resumed from an earlier epoch; a file whose time
or size has changed is read again.
"""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from bikd_core.runs import Snapshot

_MAX_RUNS = 8  # held at once: ten megabytes each at worst, of 200 epochs and 100 classes


class _Read(NamedTuple):
    """What a frame's file held when it looked like that."""

    signature: tuple[int, int]  # time of change in ns, bytes
    histograms: NDArray[np.int32] | None  # [2, C, 64]; None: damaged, or it has none


class WeightHistory:
    """All that has been read of one run. Any thread may call `counts`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()  # guards the next one
        self._frames: dict[int, _Read] = {}

    def counts(self, num_epochs: int, labels: Sequence[int]) -> NDArray[np.int64]:
        """Images of some classes by weight, [E, 2, 64], of hard and of soft.

        An epoch whose frame is gone or damaged has no images.
        """
        with self._lock:
            frames = [self._frame(epoch) for epoch in range(1, num_epochs + 1)]
        shape = next((frame.shape for frame in frames if frame is not None), (2, 1, 1))
        made = np.zeros((num_epochs, 2, shape[2]), dtype=np.int64)
        chosen = list(labels)
        for place, frame in enumerate(frames):
            if frame is not None:
                made[place] = frame[:, chosen].sum(axis=1)
        return made

    def _frame(self, epoch: int) -> NDArray[np.int32] | None:
        path = self._folder / "frames" / f"{epoch:04d}.npz"
        try:
            about = path.stat()
        except OSError:
            return None
        signature = (about.st_mtime_ns, about.st_size)
        known = self._frames.get(epoch)
        if known is None or known.signature != signature:
            known = self._frames[epoch] = _Read(signature, _read(path))
        return known.histograms


def _read(path: Path) -> NDArray[np.int32] | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            histograms: NDArray[np.int32] = file["histograms"]
            return histograms
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # the figure says how many epochs are missing


def history_of(snapshot: Snapshot) -> WeightHistory:
    """The one history of a run in this server, for all its viewers."""
    return _history(str(snapshot.folder.path))


@st.cache_resource(max_entries=_MAX_RUNS, show_spinner=False)
def _history(folder: str) -> WeightHistory:
    return WeightHistory(Path(folder))
