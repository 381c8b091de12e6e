"""What pictures there are, of which class and which split, before any of them is read.

Four kinds: a folder `CLASS/*` or `train|val|test/CLASS/*`, a zip of one, a table (CSV or Parquet)
of paths and labels, and an `.npz` of arrays.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from bikd_core.config import MAX_CLASS_NAME, MAX_PICTURES
from bikd_core.data.own.decoding import Square
from bikd_core.data.source import DatasetUnavailable

Split = Literal["train", "test", "val"]
#: The splits in the order of their original indices.
SPLITS: tuple[Split, ...] = ("train", "test", "val")
_SPLIT_NAMES: dict[str, Split] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
_IGNORED = frozenset(("Thumbs.db", "desktop.ini", "__MACOSX"))
Stamp = tuple[str, int, int]  # a file's name, size in bytes, time of change in ns


class Entry(NamedTuple):
    """One picture that is yet to be read."""

    name: str  # its path below the folder, or its place in an array: for people
    class_name: str
    split: Split
    key: str | int  # what the listing's `read` takes


@dataclass
class Found:
    """Pictures as they are found, one after the other."""

    place: str  # for messages
    entries: list[Entry] = field(default_factory=list)
    set_aside: list[tuple[str, str]] = field(default_factory=list)  # name, why it is not read
    class_names: Sequence[str] = ()  # in label order, where the place says it

    def add(self, name: str, class_name: str, split: Split, key: str | int) -> None:
        """Add a picture.

        Raises:
            DatasetUnavailable: Its class has too long a name, or there are too many pictures.
        """
        if len(class_name) > MAX_CLASS_NAME:
            raise DatasetUnavailable(
                f"The class {class_name[:20]!r}… in {self.place} has a name of {len(class_name)} "
                f"characters: it must be at most {MAX_CLASS_NAME}."
            )
        if len(self.entries) >= MAX_PICTURES:
            raise DatasetUnavailable(f"{self.place} has more than {MAX_PICTURES:,} pictures.")
        self.entries.append(Entry(name, class_name, split, key))

    def place_by_folders(self, path: str, key: str, has_splits: bool) -> None:
        """Add a picture by its path, or set it aside where it lies in no class.

        Raises:
            DatasetUnavailable: As `add`.
        """
        folders = path.split("/")[:-1]
        if has_splits and len(folders) > 1:
            self.add(path, folders[1], split_named(folders[0]), key)
        elif folders and not has_splits:
            self.add(path, folders[0], "train", key)
        elif path.lower().endswith(_ENDINGS):
            self.set_aside.append((path, "lies in no class's folder"))

    def in_order(self) -> tuple[Entry, ...]:
        """Return the pictures by split, class and name; numbers as class names by their value."""
        there = sorted({entry.class_name for entry in self.entries}, key=_natural)
        order = dict.fromkeys((*self.class_names, *there))
        rank = {name: number for number, name in enumerate(order)}

        def place(entry: Entry) -> tuple[int, int, str]:
            return SPLITS.index(entry.split), rank[entry.class_name], entry.name

        return tuple(sorted(self.entries, key=place))


@dataclass(frozen=True)
class Listing:
    """All pictures of a place."""

    title: str
    fingerprint: str  # of names, sizes and times of change: equal while nothing changed
    find: Callable[[], Found]
    #: Reads a picture as a square [S, S, 3] of that size; any thread may call it.
    read: Callable[[str | int, int], Square]


def class_names_of(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return the classes in label order: that of pictures in order, all in the first split."""
    return tuple(dict.fromkeys(entry.class_name for entry in entries))


def _natural(name: str) -> tuple[bool, int, str]:
    is_number = name.isascii() and name.isdigit()
    return not is_number, int(name) if is_number else 0, name


def shown(name: str) -> str:
    """Return a name from a file system or a file as text that can be stored, compared and shown.

    What would steer a terminal, or is no letter, becomes a replacement character.
    """
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if not text.isprintable():
        text = "".join(
            "\ufffd" if unicodedata.category(letter) in ("Cc", "Cf", "Cs") else letter
            for letter in text
        )
    return unicodedata.normalize("NFC", text).strip()


def is_ignored(name: str) -> bool:
    """Return whether a file or folder is the system's own, and no picture."""
    return name.startswith(".") or name in _IGNORED


def split_named(name: str) -> Split:
    """Return the split that a folder's or a table's word means.

    Raises:
        KeyError: It means none.
    """
    return _SPLIT_NAMES[name.strip().lower()]


def ships_split(top_folders: set[str]) -> bool:
    """Return whether the folders at the top are splits, not classes: all are, and one is train."""
    lower = {name.lower() for name in top_folders}
    return lower <= _SPLIT_NAMES.keys() and bool(lower & {"train", "training"})


def fingerprint_of(kind: str, title: str, parts: Sequence[Stamp]) -> str:
    """Return 32 hex digits for the files of a place, whatever their order."""
    digest = hashlib.sha256(json.dumps([kind, title]).encode())
    for part in sorted(parts):
        digest.update(repr(part).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()[:32]


def stamp(path: Path, name: str) -> Stamp:
    """Return a file's name, size in bytes and time of change in ns."""
    found = path.stat()
    return name, found.st_size, found.st_mtime_ns
