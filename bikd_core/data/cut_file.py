"""The file of a cut: some images of a data set, without loss, and the labels of all.

A line of JSON, then a byte per label, a bit per image that says whether the cut holds it, and the
pixels of those that it holds; all of it is compressed by xz. Before that a pixel is replaced by its
difference from the one to its left, which saves a seventh of what xz makes of the pixels alone.

Letters for shapes: N images of the data set, M images of the cut, H height, W width, c channels.
"""

from __future__ import annotations

import lzma
import os
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bikd_core.data.source import Cut, Labelled, Parts, Pictures

MAX_IMAGES = 1_000_000
# Neighbouring bytes are the channels of one pixel: four bits of the last one are the context.
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "lc": 4, "lp": 0, "pb": 0}]

_Count = Annotated[int, Field(ge=1, le=MAX_IMAGES)]


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    num_pool: _Count
    num_test: _Count
    num_held: _Count
    picture: tuple[int, int, int] = Field(description="H, W, c")
    split: str = Field(max_length=500, description="The split that the cut was made for, in words.")


def write_cut(path: Path, parts: Parts, is_held: NDArray[np.bool_], split: str) -> None:
    """Write a cut of a data set that has a test set.

    Args:
        path: The file; it is whole or absent.
        parts: The data set.
        is_held: [N] which images to keep, by original index.
        split: The split that the cut is made for, in words.
    """
    assert parts.test is not None
    labels = np.concatenate([parts.pool.labels, parts.test.labels]).astype(np.uint8)
    num_pool = len(parts.pool.labels)
    held = [parts.pool.pictures[is_held[:num_pool]], parts.test.pictures[is_held[num_pool:]]]
    pictures = np.concatenate(held)
    header = _Header(
        num_pool=num_pool,
        num_test=len(parts.test.labels),
        num_held=len(pictures),
        picture=pictures.shape[1:],
        split=split,
    )
    content = (
        header.model_dump_json().encode() + b"\n",
        labels.tobytes(),
        np.packbits(is_held).tobytes(),
        _differences(pictures).tobytes(),
    )
    incomplete = path.with_name(f".{path.name}.incomplete")
    try:
        incomplete.write_bytes(lzma.compress(b"".join(content), filters=_FILTERS))
        os.replace(incomplete, path)
    finally:
        incomplete.unlink(missing_ok=True)


def read_cut(path: Path) -> Parts:
    """Read a cut; the pixels of the images that it lacks are 0.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is cut off, or no such file (OSError: it cannot be read).
    """
    packed = path.read_bytes()
    try:
        line, _, content = lzma.decompress(packed).partition(b"\n")
        header = _Header.model_validate_json(line)
    except (lzma.LZMAError, EOFError, ValidationError) as error:
        raise ValueError(f"{path.name} is cut off or is no cut of a data set") from error
    num_images = header.num_pool + header.num_test
    num_bits = -(-num_images // 8)
    shape = (header.num_held, *header.picture)
    if len(content) != num_images + num_bits + np.prod(shape, dtype=np.int64):
        raise ValueError(f"{path.name} has not the {header.num_held} images that it says it has")
    data = np.frombuffer(content, dtype=np.uint8)
    labels, bits, differences = np.split(data, [num_images, num_images + num_bits])
    is_held = np.unpackbits(bits, count=num_images).astype(bool)
    if is_held.sum() != header.num_held:
        raise ValueError(f"{path.name} marks {is_held.sum()} images, but has {header.num_held}")
    pictures = np.zeros((num_images, *header.picture), dtype=np.uint8)
    pictures[is_held] = _summed(differences.reshape(shape))
    pool, test = slice(None, header.num_pool), slice(header.num_pool, None)
    return Parts(
        *(
            Labelled(pictures[p], labels[p].astype(np.int64), Cut(is_held[p], header.split))
            for p in (pool, test)
        )
    )


def _differences(pictures: Pictures) -> Pictures:
    """Return each pixel minus the one to its left, modulo 256: [M, H, W, c] for [M, H, W, c]."""
    return np.diff(pictures, axis=2, prepend=np.uint8(0))


def _summed(differences: Pictures) -> Pictures:
    """Return the pixels whose `_differences` these are: [M, H, W, c] for [M, H, W, c]."""
    return np.cumsum(differences, axis=2, dtype=np.uint8)
