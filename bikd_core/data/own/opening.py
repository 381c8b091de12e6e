"""Opens pictures: from `folder:PATH` to a data set's name, with the cache written if it is new.

Pictures that cannot be read are set aside by name, and the others are taken.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bikd_core.config import FOLDER_PREFIX, MAX_CLASSES, OWN_SIZES, ConfigError
from bikd_core.data.own.cache import Index, note_opening, opened_before, publish, unfinished
from bikd_core.data.own.folders import list_folder, list_zip
from bikd_core.data.own.listing import SPLITS, Entry, Listing, class_names_of
from bikd_core.data.own.tables import list_arrays, list_table
from bikd_core.data.own.writing import facts_of_entries, write_pictures
from bikd_core.data.source import DatasetUnavailable, Progress

DEFAULT_SIZE = 32
MIN_CLASSES = 3  # so that each of many, medium and few has one
_KEPT_ASIDE = 10_000  # names in the index
_KINDS = {".zip": list_zip, ".csv": list_table, ".parquet": list_table, ".npz": list_arrays}


class Place(NamedTuple):
    """Where pictures lie, and to which size they are resized."""

    path: Path
    size: int


def is_place(dataset: str) -> bool:
    """Return whether a value of `dataset` names a place that is yet to be opened."""
    return dataset.startswith(FOLDER_PREFIX)


def place_of(dataset: str) -> Place:
    """Return the place that `folder:PATH` or `folder:PATH@SIZE` names.

    Raises:
        ConfigError: The size is not possible.
    """
    path = dataset.removeprefix(FOLDER_PREFIX)
    stem, at, size = path.rpartition("@")
    if not at or not size.isdecimal() or Path(path).expanduser().exists():
        return Place(Path(path).expanduser(), DEFAULT_SIZE)
    if int(size) not in OWN_SIZES:
        raise ConfigError(
            f"dataset = {dataset[:80]!r} is not possible: the size after @ must be a whole number "
            f"from {OWN_SIZES[0]} to {OWN_SIZES[-1]}."
        )
    return Place(Path(stem).expanduser(), int(size))


def opened(dataset: str, data_dir: Path, on_progress: Progress | None = None) -> str:
    """Return the name of the data set that `folder:PATH` names; any other name as it is.

    Raises:
        ConfigError: The size is not possible.
        DatasetUnavailable: As `open_pictures`.
    """
    if not is_place(dataset):
        return dataset
    place = place_of(dataset)
    return open_pictures(place.path, data_dir, size=place.size, on_progress=on_progress)


def open_pictures(
    path: Path, data_dir: Path, *, size: int = DEFAULT_SIZE, on_progress: Progress | None = None
) -> str:
    """Return the name of the data set that a place holds; its cache is written if it is new.

    Args:
        path: A folder, a zip, a CSV or Parquet table, or an .npz.
        data_dir: The data folder, whose folder `own` receives the cache.
        size: Height and width to which the pictures are resized, 8 to 64.
        on_progress: Called with the pictures done and in all. If it raises, nothing is kept.

    Raises:
        DatasetUnavailable: One sentence that says what is wrong; nothing is half-written.
    """
    listing = list_pictures(path)
    key = f"{listing.fingerprint}-{size}"
    if name := opened_before(key, data_dir):
        return name
    name = written(
        listing, str(path.absolute()), data_dir, size, on_progress, lambda: list_pictures(path)
    )
    try:
        note_opening(key, name, data_dir)
    except OSError as error:
        raise DatasetUnavailable(_why_unwritten(error, data_dir)) from error
    return name


def written(
    listing: Listing,
    place: str,
    data_dir: Path,
    size: int,
    on_progress: Progress | None = None,
    list_again: Callable[[], Listing] | None = None,
) -> str:
    """Return the name of the data set that pictures become, when all have been read.

    Args:
        listing: The pictures.
        place: Where they lie, for people.
        data_dir: As `open_pictures`; so are `size` and `on_progress`.
        size: Height and width to which the pictures are resized, 8 to 64.
        on_progress: Called with the pictures done and in all.
        list_again: Lists them once more, when they have been read: they may have changed.

    Raises:
        DatasetUnavailable: As `open_pictures`.
    """
    found = listing.find()
    entries = found.in_order()
    _check_entries(entries, found.place, found.set_aside)
    try:
        _check_room(len(entries), size, data_dir)
        with unfinished(data_dir) as temporary:
            target = temporary / "pictures.u8"
            pictures = write_pictures(entries, listing.read, size, target, on_progress)
            set_aside = (*found.set_aside, *pictures.unreadable)
            _check_entries(pictures.entries, found.place, set_aside)
            if list_again is not None and list_again().fingerprint != listing.fingerprint:
                raise DatasetUnavailable(
                    f"{found.place} changed while it was read: open it again when nothing writes "
                    "to it."
                )
            index = Index(
                facts=facts_of_entries(pictures.entries, listing.title, pictures.channels, size),
                place=place,
                set_aside=set_aside[:_KEPT_ASIDE],
                num_set_aside=len(set_aside),
            )
            names = [entry.name for entry in pictures.entries]
            return publish(temporary, index, names, data_dir)
    except OSError as error:
        raise DatasetUnavailable(_why_unwritten(error, data_dir)) from error


def list_pictures(path: Path) -> Listing:
    """Return what a place holds, by its kind.

    Raises:
        DatasetUnavailable: There is no such place, or it is of no kind that is read.
    """
    try:
        if path.is_dir():
            return list_folder(path)
        is_file = path.is_file()
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise DatasetUnavailable(
            f"{str(path)[:120]} cannot be read ({error.strerror}): it must be a folder, or a zip, "
            "CSV, Parquet or .npz file."
        ) from error
    kind = _KINDS.get(path.suffix.lower())
    if not is_file or kind is None:
        lacks = "is of no kind that is read" if is_file else "is not there"
        raise DatasetUnavailable(
            f"{str(path)[:200]} {lacks}: it must be a folder with a folder for each class, or a "
            "zip, CSV, Parquet or .npz file."
        )
    return kind(path)


def _check_entries(
    entries: tuple[Entry, ...], place: str, set_aside: Sequence[tuple[str, str]] = ()
) -> None:
    """Refuse what cannot become a data set: no picture, too few or too many classes, gaps."""
    if not entries:
        first = f"; {set_aside[0][0][:100]} {set_aside[0][1]}" if set_aside else ""
        raise DatasetUnavailable(
            f"{place} holds no picture that can be read{first}: it must have a folder for each "
            "class, with its pictures inside."
        )
    classes = class_names_of(entries)
    if not MIN_CLASSES <= len(classes) <= MAX_CLASSES:
        one = f"{len(classes)} class{'es' * (len(classes) != 1)}"
        raise DatasetUnavailable(
            f"{place} holds {one}: it must be {MIN_CLASSES} to {MAX_CLASSES:,}, each in a folder "
            "of its own."
        )
    for split in SPLITS:
        there = {entry.class_name for entry in entries if entry.split == split}
        missing = [name for name in classes if name not in there]
        if missing and (there or split == "train"):
            raise DatasetUnavailable(
                f"The class {missing[0]!r} in {place} has no picture in {split} that can be read: "
                "each split that is there needs one of every class."
            )


def _check_room(num_pictures: int, size: int, data_dir: Path) -> None:
    """Refuse before hours of work what the disk cannot hold.

    Raises:
        OSError: It cannot hold it.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(data_dir).free < num_pictures * 3 * size**2:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _why_unwritten(error: OSError, data_dir: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"The disk of {data_dir} has no room for the pictures: make room there, or set "
            "BIKD_DATA to a folder on another disk."
        )
    return (
        f"The pictures cannot be written to {data_dir} ({error.strerror}): set BIKD_DATA to a "
        "folder that can be written."
    )
