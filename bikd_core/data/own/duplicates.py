"""Pictures that are there twice: the same pixels, or nearly, by a perceptual hash.

The hash is of the pictures as networks see them, so that none is decoded again: the 64 lowest
frequencies of a picture, each above or below their median. What two hashes that nearly agree
promise, the pixels must confirm.

N pictures; S height and width; c channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bikd_core.data.source import Pictures

MAX_BITS = 4  # of 64 in which the hashes of near duplicates differ
MIN_CORRELATION = 0.95  # of the pixels of near duplicates
MIN_CONTRAST = 4.0  # standard deviation in 0 … 255, below which a picture has no pattern to compare
_BAND_BITS = 13  # five bands cover 64 bits: hashes that differ in 4 bits agree in one at least
_WINDOW = 256  # pictures of one band's value that each is compared with at most
_CHUNK = 4096

Kind = Literal["exact", "near"]


class Pair(NamedTuple):
    """Two pictures that are the same, by their original indices, the smaller first."""

    first: int
    second: int
    kind: Kind


def duplicates(pictures: Pictures) -> list[Pair]:
    """Return the pairs among pictures [N, S, S, c]: of k equal ones, the first with each other."""
    firsts, pairs = _exact(pictures)
    kept = np.array(firsts, dtype=np.int64)
    hashes, contrast = _hashes(pictures, kept)
    has_pattern = contrast >= MIN_CONTRAST
    found = _near(hashes[has_pattern], kept[has_pattern])
    near = (Pair(*pair, "near") for pair in found if _correlation(pictures, *pair))
    return pairs + sorted(near)


def _exact(pictures: Pictures) -> tuple[list[int], list[Pair]]:
    """Return the pictures without equals before them, and the pairs of equal ones."""
    first_with: dict[bytes, int] = {}
    pairs = []
    for index, picture in enumerate(pictures):
        digest = hashlib.blake2b(picture.tobytes(), digest_size=16).digest()
        first = first_with.setdefault(digest, index)
        if first != index:
            pairs.append(Pair(first, index, "exact"))
    return [*first_with.values()], pairs


def _hashes(
    pictures: Pictures, kept: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    """Return the hash and the contrast of pictures [N, S, S, c] at these M positions: [M], [M]."""
    from scipy.fft import dctn  # a tenth of a second

    hashes, contrast = np.empty(len(kept), np.uint64), np.empty(len(kept))
    for start in range(0, len(kept), _CHUNK):
        part = slice(start, start + _CHUNK)
        grey = pictures[kept[part]].mean(axis=3, dtype=np.float32)
        contrast[part] = grey.std(axis=(1, 2))
        lowest = dctn(grey, axes=(1, 2))[:, :8, :8].reshape(len(grey), 64)
        lowest[:, 0] = 0  # the brightness
        bits = lowest > np.median(lowest, axis=1, keepdims=True)
        hashes[part] = np.packbits(bits, axis=1).view(np.uint64)[:, 0]
    return hashes, contrast


def _near(hashes: NDArray[np.uint64], kept: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of positions, [M], whose hashes, [M], differ in few bits; each pair once."""
    seen: set[tuple[int, int]] = set()
    for start in range(0, 64, _BAND_BITS):
        band = (hashes >> np.uint64(start)) & np.uint64(2**_BAND_BITS - 1)
        order = np.lexsort((hashes, band))
        for distance in range(1, min(_WINDOW, len(order))):
            left, right = order[:-distance], order[distance:]
            is_same = band[left] == band[right]
            if not is_same.any():
                break
            left, right = left[is_same], right[is_same]
            is_near = np.bitwise_count(hashes[left] ^ hashes[right]) <= MAX_BITS
            for one, other in zip(kept[left[is_near]], kept[right[is_near]], strict=True):
                pair = (min(int(one), int(other)), max(int(one), int(other)))
                if pair not in seen:
                    seen.add(pair)
                    yield pair


def _correlation(pictures: Pictures, first: int, second: int) -> bool:
    """Return whether two of the pictures, [N, S, S, c], rise and fall together pixel by pixel."""
    pixels = np.stack([pictures[first].ravel(), pictures[second].ravel()]).astype(np.float64)
    with np.errstate(invalid="ignore"):  # a picture of one colour a channel: no number
        table: NDArray[np.float64] = np.asarray(np.corrcoef(pixels))
        return bool(table[0, 1] >= MIN_CORRELATION)
