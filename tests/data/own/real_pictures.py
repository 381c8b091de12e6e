"""PNGs of the real CIFAR-10 in folders, with a long tail, and broken files among them."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bikd_core.data.sources import facts_of, source_of
from tests.data.own.own_pictures import png_header, save

COUNTS = {"airplane": 1200, "automobile": 700, "ship": 350, "cat": 150}
#: What breaks a picture, and what is said of it.
BROKEN = {
    "airplane/cut.png": "is cut off or damaged",
    "airplane/empty.png": "is empty",
    "cat/huge.png": "has more than 89 million pixels",
    "ship/words.png": "is not a picture",
}


def cifar_folder() -> Path:
    """The folder that holds the real CIFAR-10; without one the test is skipped."""
    folder = os.environ.get("BIKD_TEST_CIFAR10")
    if not folder:
        pytest.skip("BIKD_TEST_CIFAR10 does not name a folder with the real CIFAR-10")
    return Path(folder)


def write_pictures(root: Path) -> Path:
    """Write `COUNTS` as 32×32 PNGs, class by class."""
    pool = source_of("cifar10").read(cifar_folder()).pool
    names = facts_of("cifar10").class_names
    for name, count in COUNTS.items():
        for row in np.flatnonzero(pool.labels == names.index(name))[:count]:
            save(root / name / f"{row}.png", pool.pictures[row])
    return root


def break_some(root: Path) -> None:
    """Lay `BROKEN` among the pictures."""
    whole = next((root / "airplane").glob("*.png")).read_bytes()
    contents = (whole[: len(whole) // 2], b"", png_header(30_000, 30_000), b"no picture at all")
    for name, content in zip(BROKEN, contents, strict=True):
        (root / name).write_bytes(content)


def unseen_picture(name: str) -> Image.Image:
    """A real picture of a class that no folder of ours holds: CIFAR-10's own test set."""
    parts = source_of("cifar10").read(cifar_folder())
    row = np.flatnonzero(parts.test.labels == facts_of("cifar10").class_names.index(name))[0]
    return Image.fromarray(parts.test.pictures[row])
