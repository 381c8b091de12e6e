"""Decodes pictures into one file, and says what is in it.

S: height and width of the squares in pixels; N pictures.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bikd_core.config import SourceFacts
from bikd_core.config.own_data import own_title
from bikd_core.data.own.decoding import Square, Unreadable, refusing_bombs
from bikd_core.data.own.listing import SPLITS, Entry, class_names_of
from bikd_core.data.source import Progress

MAX_DEFAULT_TEST = 100  # test images of a class, where no test set comes with the pictures
_CHUNK = 64  # pictures that a thread decodes at a time
_AHEAD = 32  # chunks that wait to be written at most
_READ_PICTURES = 4096

Read = Callable[[str | int, int], Square]


class Written(NamedTuple):
    """What a file of pictures holds."""

    entries: tuple[Entry, ...]  # in their order
    channels: int
    unreadable: tuple[tuple[str, str], ...]  # names that it lacks, with the reasons


def write_pictures(
    entries: Sequence[Entry], read: Read, size: int, target: Path, on_progress: Progress | None
) -> Written:
    """Decode pictures into a file of uint8 [N, S, S, c]; c is 1 if none has a colour.

    Args:
        entries: The pictures, in the order that the file gets.
        read: Returns one of them as [S, S, 3]; several threads call it.
        size: S.
        target: The file.
        on_progress: Called with the pictures done and in all.

    Raises:
        OSError: The file cannot be written.
    """
    kept: list[Entry] = []
    unreadable: list[tuple[str, str]] = []
    is_grey = True
    with target.open("wb") as file, refusing_bombs():
        for num_done, (entry, square) in enumerate(_decoded(entries, read, size), 1):
            if on_progress is not None and (num_done % _CHUNK == 0 or num_done == len(entries)):
                on_progress(num_done, len(entries))
            if isinstance(square, Unreadable):
                unreadable.append((entry.name, str(square)))
                continue
            kept.append(entry)
            # Written, not mapped: on a full disk a mapped file would end the process.
            file.write(square.tobytes())
            is_grey = is_grey and bool((square == square[..., :1]).all())
    if is_grey:
        _keep_one_channel(target, size)
    return Written(tuple(kept), 1 if is_grey else 3, tuple(unreadable))


def _decoded(
    entries: Sequence[Entry], read: Read, size: int
) -> Iterator[tuple[Entry, Square | Unreadable]]:
    """Yield each picture in order, decoded by some threads: Pillow lets them run side by side."""

    def decode(chunk: Sequence[Entry]) -> list[Square | Unreadable]:
        found: list[Square | Unreadable] = []
        for entry in chunk:
            try:
                found.append(read(entry.key, size))
            except Unreadable as error:
                found.append(error)
        return found

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for ahead in _slices(entries, _CHUNK * _AHEAD):
            chunks = list(_slices(ahead, _CHUNK))
            for chunk, squares in zip(chunks, pool.map(decode, chunks), strict=True):
                yield from zip(chunk, squares, strict=True)


def _slices(entries: Sequence[Entry], length: int) -> Iterator[Sequence[Entry]]:
    for start in range(0, len(entries), length):
        yield entries[start : start + length]


def _keep_one_channel(path: Path, size: int) -> None:
    """Replace [N, S, S, 3] in a file by its first channel: all of them are alike."""
    grey = path.with_suffix(".grey")
    with path.open("rb") as source, grey.open("wb") as target:
        while pixels := source.read(3 * _READ_PICTURES * size**2):
            target.write(np.frombuffer(pixels, dtype=np.uint8)[::3].tobytes())
    grey.replace(path)


def facts_of_entries(entries: Sequence[Entry], title: str, channels: int, size: int) -> SourceFacts:
    """Return the facts of pictures that have been written."""
    classes = class_names_of(entries)
    pool, test, val = (_counts(entries, split, classes) for split in SPLITS)
    rarest = min(pool)
    return SourceFacts(
        title=own_title(title),
        class_names=classes,
        channels=channels,
        size=size,
        pool_per_class=rarest,
        pool_counts=pool,
        has_test=bool(test),
        test_counts=test,
        val_counts=val,
        default_test_per_class=min(test) if test else max(1, min(MAX_DEFAULT_TEST, rarest // 3)),
        download_mb=0,
        citation="own pictures",
        terms="those of their owner",
        defaults=_defaults(channels, size, val),
    )


def _counts(entries: Iterable[Entry], split: str, classes: tuple[str, ...]) -> tuple[int, ...]:
    """Return the pictures of each class in a split; () where there is none of any."""
    found = dict.fromkeys(classes, 0)
    for entry in entries:
        found[entry.class_name] += entry.split == split
    return tuple(found.values()) if any(found.values()) else ()


def _defaults(channels: int, size: int, val_counts: tuple[int, ...]) -> dict[str, object]:
    """Return the controls whose defaults differ: networks that fit, and the counts as they are."""
    if channels == 3:
        teacher, student = "resnet20", "resnet8"
    else:
        stem = "digits_cnn" if size <= 16 else "grey_cnn"
        teacher, student = f"{stem}_l", f"{stem}_s"
    defaults: dict[str, object] = {
        "imbalance": "natural",
        "teacher_model": teacher,
        "student": student,
        "augmentation": "crop" if size >= 24 else "none",
    }
    if val_counts:  # a D_val that comes is taken whole, as far as it is balanced
        defaults["val_per_class"] = min(1000, max(10, min(val_counts)))
    return defaults
