"""Single pictures by their original index, for a page that must not import torch."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class PicturesUnavailable(Exception):
    """The pictures are not on this machine; the message says how to get them."""


def read_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The pictures and labels of scikit-learn's digits, (1797, 8, 8, 1) in 0 … 255, (1797,).

    Reads the file that scikit-learn ships without importing it, which takes seconds.

    Raises:
        PicturesUnavailable: scikit-learn is not installed.
    """
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise PicturesUnavailable("The digits come with scikit-learn: pip install scikit-learn.")
    with gzip.open(Path(spec.origin).parent / "datasets/data/digits.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.int64)
    values = np.rint(table[:, :64] * (255 / 16)).astype(np.uint8)  # the file has 0 … 16
    return values.reshape(-1, 8, 8, 1), table[:, 64]
