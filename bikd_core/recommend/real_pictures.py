"""A folder of real PNGs with a long tail, as somebody has it, from CIFAR-10."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from bikd_core.data.counts import long_tail_counts
from bikd_core.data.sources import facts_of, source_of

HEAD, FACTOR = 200, 20.0  # training pictures of the largest class, and how many times the smallest
VAL, TEST = 10, 100  # pictures of each class in D_val and in the test set
SIZE = 16  # pixels, to which they are resized when they are opened


def write_pictures(root: Path, seed: int, data_dir: Path) -> Path:
    """Write `train/CLASS/*.png`, `val/…` and `test/…` unless they are there; return the folder.

    Which classes are rare, and which pictures are taken, is drawn.

    Args:
        root: The folder.
        seed: Of the draw.
        data_dir: Where CIFAR-10 is, or is downloaded to.

    Raises:
        DatasetUnavailable: CIFAR-10 is not there and cannot be downloaded.
        OSError: The folder cannot be written.
    """
    if root.exists():
        return root
    draw = np.random.default_rng(seed)
    parts, names = source_of("cifar10").load(data_dir), facts_of("cifar10").class_names
    assert parts.test is not None
    tail = long_tail_counts(len(names), HEAD, FACTOR)
    growing = root.with_name(f".{root.name}")  # takes its name when it is whole
    for label, num_train in zip(draw.permutation(len(names)), tail, strict=True):
        of_pool, of_test = (
            draw.permutation(np.flatnonzero(part.labels == label))
            for part in (parts.pool, parts.test)
        )
        taken = {
            "train": (parts.pool, of_pool[:num_train]),
            "val": (parts.pool, of_pool[num_train : num_train + VAL]),
            "test": (parts.test, of_test[:TEST]),
        }
        for split, (part, rows) in taken.items():
            folder = growing / split / names[label]
            folder.mkdir(parents=True, exist_ok=True)
            for row in rows:
                Image.fromarray(part.pictures[row]).save(folder / f"{row:05}.png")
    return growing.rename(root)
