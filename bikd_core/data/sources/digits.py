"""Scikit-learn's digits: 1797 real handwritten digits that need no download."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np

from bikd_core.config import SourceFacts
from bikd_core.data.source import DatasetUnavailable, Labelled, Parts, Progress, Source

FACTS = SourceFacts(
    title="Digits 8×8",
    class_names=("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
    channels=1,
    size=8,
    pool_per_class=174,
    pool_counts=(178, 182, 177, 183, 181, 182, 181, 179, 174, 180),
    has_test=False,
    default_test_per_class=58,
    download_mb=0,
    citation="Alpaydin, Kaynak, Optical Recognition of Handwritten Digits, UCI 1998; in "
    "scikit-learn",
    terms="CC BY 4.0",
)


class Digits:
    """The file that scikit-learn ships, read without importing the package, which takes seconds."""

    facts = FACTS

    def read(self, data_dir: Path) -> Parts:
        """Return the digits; the data folder is not needed."""
        spec = importlib.util.find_spec("sklearn")
        if spec is None or spec.origin is None:
            raise DatasetUnavailable("The digits come with scikit-learn: pip install scikit-learn.")
        with gzip.open(Path(spec.origin).parent / "datasets/data/digits.csv.gz", "rt") as file:
            table = np.loadtxt(file, delimiter=",", dtype=np.int64)
        values = np.rint(table[:, :64] * (255 / 16)).astype(np.uint8)  # the file has 0 … 16
        return Parts(Labelled(values.reshape(-1, 8, 8, 1), table[:, 64]), None)

    def load(self, data_dir: Path, on_progress: Progress | None = None) -> Parts:
        """Return the digits: there is nothing to download."""
        return self.read(data_dir)


SOURCE: Source = Digits()
