"""The arrays of a run: panel, frames and traces, checked as they are read, and one cache of them.

N images of the panel, C classes; the other letters as in `bikd_core.events`.
"""

from __future__ import annotations

import contextlib
import os
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bikd_core import npy
from bikd_core.events import (
    SURFACE_AXIS,
    TOP_BELIEFS,
    WEIGHT_BINS,
    Frame,
    Panel,
    StepTrace,
)
from bikd_core.store.files import BROKEN_ZIP, CorruptRunError, StoreError, check_packing, replacing
from bikd_core.store.layouts import Layout, arrays, layouts

CACHE_BYTES = 192 * 2**20
_ENTRY_BYTES = 500  # what an entry takes besides its array

Kind = type[Panel] | type[Frame] | type[StepTrace]
Arrays = dict[str, NDArray[Any] | None]  # None: the file has no such array
_COUNTS = {"original_indices", "confusion", "histograms"}
# A run whose loss is not finite ends before its frame, but perhaps after the trace of that step.
_FINITE = {"ce_student", "ce_teacher", "weights", "raw_mean", "seen_by_net", "surface"}


class File(NamedTuple):
    """A file at one moment: an epoch that is trained again is another file."""

    path: str
    inode: int
    changed_ns: int
    num_bytes: int


class ArrayCache:
    """The arrays used last, as many as fit. Any thread may call any method."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()  # guards the next two
        self._held: OrderedDict[tuple[File, str], NDArray[Any] | None] = OrderedDict()
        self._num_bytes = 0

    @property
    def num_bytes(self) -> int:
        """The size of the arrays in memory."""
        with self._lock:
            return self._num_bytes

    def get(self, file: File, names: Iterable[str]) -> Arrays | None:
        """Return these arrays of a file, or None unless all of them are held."""
        keys = [(file, name) for name in names]
        with self._lock:
            if not all(key in self._held for key in keys):
                return None
            for key in keys:
                self._held.move_to_end(key)
            return {key[1]: self._held[key] for key in keys}

    def put(self, file: File, found: Arrays) -> None:
        """Keep arrays of a file, and drop those that were not used for longest."""
        with self._lock:
            for name, array in found.items():
                if (file, name) not in self._held:
                    self._held[file, name] = array
                    self._num_bytes += _size(array)
            while self._num_bytes > self._max_bytes:
                self._num_bytes -= _size(self._held.popitem(last=False)[1])


def _size(array: NDArray[Any] | None) -> int:
    return _ENTRY_BYTES + (0 if array is None else array.nbytes)


_cache = ArrayCache(CACHE_BYTES)  # one for all runs and all who look at them


class Dimensions(NamedTuple):
    """The sizes that the shapes of a run's arrays follow from."""

    num_images: int  # N; for the panel itself, which may be thinned, the most that N can be
    num_classes: int  # C


def write_arrays(path: Path, item: Panel | Frame | StepTrace) -> None:
    """Write the arrays of a panel, a frame or a trace to one .npz file, in one rename."""
    with replacing(path) as new, new.open("wb") as file:
        # Packed it would be a sixth smaller, and take ten times as long.
        np.savez(file, allow_pickle=False, **arrays(item))
        file.close()  # before it is renamed


def read_arrays(
    path: Path,
    kind: Kind,
    dimensions: Callable[[], Dimensions],
    names: Iterable[str] | None = None,
) -> Arrays:
    """Return arrays of a file by name, from the cache if they are there. They cannot be written to.

    Args:
        path: What `write_arrays` wrote.
        kind: What the file holds.
        dimensions: Returns those of the run; called only if the file has to be read.
        names: The arrays that are wanted; None for all that such a file can have.

    Raises:
        StoreError: There is no such file.
        CorruptRunError: It is damaged, or an array has another type or shape than the run's or
            points beyond it; one sentence names file and array.
    """
    wanted = tuple(layouts(kind) if names is None else names)
    with contextlib.suppress(OSError):  # `load_arrays` says what is wrong
        if (known := _cache.get(_identity(path, os.stat(path)), wanted)) is not None:
            return known
    file, found = load_arrays(path, kind, dimensions(), wanted)
    for array in found.values():
        if array is not None:
            array.flags.writeable = False  # many readers share it
    _cache.put(file, found)
    return found


def _identity(path: Path, about: os.stat_result) -> File:
    return File(str(path), about.st_ino, about.st_mtime_ns, about.st_size)


def load_arrays(
    path: Path, kind: Kind, dimensions: Dimensions, names: Iterable[str]
) -> tuple[File, Arrays]:
    """Return a file's identity and arrays from the disk, checked; errors as `read_arrays`."""
    sizes = {
        "C": dimensions.num_classes,
        "T": min(TOP_BELIEFS, dimensions.num_classes),
        "B": WEIGHT_BINS,
        "S": len(SURFACE_AXIS),
    }
    if kind is not Panel:
        sizes["N"] = dimensions.num_images
    try:
        with path.open("rb") as opened, zipfile.ZipFile(opened) as archive:
            file = _identity(path, os.fstat(opened.fileno()))
            stored = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            if unknown := sorted(stored.keys() - layouts(kind).keys()):
                raise ValueError(f"it has an unknown array {unknown[0][:80]!r}")
            found: Arrays = {}
            for name in names:
                layout = layouts(kind)[name]
                found[name] = None
                if name in stored:
                    check_packing(stored[name])
                    found[name] = _read(archive, stored[name], name, layout, sizes, dimensions)
                    _check_range(kind, name, found[name], dimensions)
                elif not layout.is_optional:
                    raise ValueError(f"it has no array {name}")
    except FileNotFoundError as error:
        raise StoreError(f"The run has no {path.name} yet.") from error
    except (OSError, CorruptRunError, *BROKEN_ZIP) as error:
        raise CorruptRunError(f"{path}: {error}") from error
    return file, found


def _read(
    archive: zipfile.ZipFile,
    stored: zipfile.ZipInfo,
    name: str,
    layout: Layout,
    sizes: dict[str, int],
    dimensions: Dimensions,
) -> NDArray[Any]:
    """Return a stored array after its header is checked; raises as `_header`."""
    with archive.open(stored) as member:
        header = _header(member, name, layout, sizes, dimensions.num_images)
        right = member.tell() + header.num_bytes
        if stored.file_size != right:  # before memory is taken for it
            raise ValueError(f"{name} has {stored.file_size:,} bytes; it must have {right:,}")
        return npy.values_of(header, member)


def _header(
    member: IO[bytes], name: str, layout: Layout, sizes: dict[str, int], most: int
) -> npy.Header:
    """Return the header of a stored array, checked before it is read: it may claim anything.

    A letter that has no size yet, N of a panel or M of a trace, takes the array's, at most `most`.

    Raises:
        ValueError: It has another type or shape, or is damaged.
    """
    try:
        header = npy.read_header(member)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    shape, dtype = header.shape, header.dtype
    if not np.issubdtype(dtype, layout.dtype):
        raise ValueError(f"{name} is of type {dtype}; it must be {layout.dtype.__name__}")
    if len(shape) == len(layout.shape):
        for letter, size in zip(layout.shape, shape, strict=True):
            if letter.isalpha() and letter not in sizes and size <= most:
                sizes[letter] = size
    right = tuple(sizes.get(part, most) if part.isalpha() else int(part) for part in layout.shape)
    if shape != right:
        raise ValueError(f"{name} has the shape {shape}; it must be {right}")
    return header


def _check_range(kind: Kind, name: str, array: NDArray[Any] | None, dimensions: Dimensions) -> None:
    """Refuse [*] indices that do not exist, negative counts, and values that are not finite."""
    limits = {
        "labels": dimensions.num_classes,
        "true_labels": dimensions.num_classes,
        "student_top": dimensions.num_classes,
        "teacher_top": dimensions.num_classes,
        "rows": dimensions.num_images,
    }
    if array is None or not array.size:
        return
    if kind is Frame and name in _FINITE and not np.isfinite(array).all():
        raise ValueError(f"{name} holds values that are not finite")
    if name not in {*limits, *_COUNTS}:
        return
    low, high = int(array.min()), int(array.max())
    limit = limits.get(name)
    if low < 0 or (limit is not None and high >= limit):
        right = "0 or more" if limit is None else f"0 to {limit - 1}"
        raise ValueError(f"{name} holds {low} to {high}; it must hold {right}")
