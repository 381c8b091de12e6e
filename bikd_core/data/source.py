"""The interface of a data source: a data set's facts, and a reader of its images. Numpy only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bikd_core.config import SourceFacts

Pictures = NDArray[np.uint8]  # [N, H, W, channels]
Progress = Callable[[int, int], None]  # bytes done, bytes in all


class DatasetUnavailable(ValueError):
    """A data set can be neither read nor downloaded; the message says what to do."""


class Cut(NamedTuple):
    """Some of N images, those of a split."""

    is_held: NDArray[np.bool_]  # [N]
    split: str  # the split that the cut was made for, in words


class Labelled(NamedTuple):
    """N images and their labels, in the order of their files."""

    pictures: Pictures  # [N, H, W, channels] in 0 … 255; 0 where a cut lacks the image
    labels: NDArray[np.int64]  # [N]
    cut: Cut | None = None  # None: all images are there


class Parts(NamedTuple):
    """A whole data set.

    Original indices count the pool's images from 0, then the test images, then those of D_val.
    """

    pool: Labelled
    test: Labelled | None  # None: the split takes its test images from the pool
    val: Labelled | None = None  # None: it takes D_val from the pool

    @property
    def cut(self) -> Cut | None:
        """Which images a cut of the data set holds, [N] by original index; None: all."""
        cuts = [part.cut for part in self if part and part.cut]
        if not cuts:
            return None
        return Cut(np.concatenate([cut.is_held for cut in cuts]), cuts[0].split)


class Source(Protocol):
    """One data set: the object `SOURCE` in a file of `bikd_core/data/sources`.

    The file's `FACTS` are read without importing it, so they are plain values.
    """

    @property
    def facts(self) -> SourceFacts:
        """The facts of the data set that are known before an image is read."""

    def read(self, data_dir: Path) -> Parts:
        """Read the data set where it is installed.

        Raises:
            FileNotFoundError: It is not in `data_dir`.
            ValueError: A file is damaged or is not the published one (OSError: cannot be read).
        """

    def load(self, data_dir: Path, on_progress: Progress | None = None) -> Parts:
        """Read the data set, downloaded to `data_dir` first where it is not there yet.

        Args:
            data_dir: Holds the data sets in torchvision's layout; created for a download.
            on_progress: Called with the bytes done and in all during a download. If it raises,
                the download ends and nothing of it is kept.

        Raises:
            DatasetUnavailable: It is not there and cannot be downloaded, or a file is damaged.
        """
