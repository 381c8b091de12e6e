"""Pictures in a folder, or in the zip of one."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bikd_core.data.own.decoding import MAX_FILE_BYTES, Square, Unreadable, square_of_file
from bikd_core.data.own.listing import (
    Found,
    Listing,
    fingerprint_of,
    is_ignored,
    place_in_folders,
    ships_split,
    shown,
)
from bikd_core.data.source import DatasetUnavailable

_LINK = "is a link that leads out of the folder"
_NO_CLASS = "lies in no class's folder"
_PICTURES = frozenset((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"))
MAX_ZIP_BYTES = 64 * 2**30  # unpacked, of all members
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def list_folder(root: Path) -> Listing:
    """Return the pictures in a folder; links are followed only where they stay inside it.

    Raises:
        DatasetUnavailable: The folder cannot be read, or a class has too long a name.
    """
    found, stamps = Found(str(root)), []
    inside = root.resolve()
    files = sorted(_walk(root, inside, found), key=lambda file: file[0])
    has_splits = ships_split({path.parts[0] for path, *_ in files if len(path.parts) > 1})
    for path, size, changed in files:
        stamps.append((str(path), size, changed))
        _place(found, path, has_splits)
    title = shown(inside.name) or "pictures"

    def read(key: str | int, size: int) -> Square:
        try:
            path = root / str(key)
            if path.stat().st_size > MAX_FILE_BYTES:
                raise Unreadable(f"is larger than {MAX_FILE_BYTES >> 20} MB")
            return square_of_file(path.read_bytes(), size)
        except OSError as error:
            raise Unreadable(f"could not be read ({error.strerror})") from error

    fingerprint = fingerprint_of("folder", title, stamps)
    return Listing(title, found.in_order(), fingerprint, read, tuple(found.set_aside))


def _place(found: Found, path: PurePosixPath, has_splits: bool) -> None:
    place = place_in_folders(path, has_splits)
    if place is not None:
        found.add(shown(str(path)), *place, str(path))
    elif path.suffix.lower() in _PICTURES:
        found.set_aside.append((shown(str(path)), _NO_CLASS))


def _walk(root: Path, inside: Path, found: Found) -> Iterator[tuple[PurePosixPath, int, int]]:
    """Yield the files below a folder: path below it, size in bytes, time of change in ns."""
    waiting = [PurePosixPath()]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(root / folder))
        except OSError as error:
            if folder.parts:
                found.set_aside.append((shown(str(folder)), f"cannot be read ({error.strerror})"))
                continue
            raise DatasetUnavailable(f"{root} cannot be read ({error.strerror}).") from error
        for entry in entries:
            path = folder / entry.name
            if is_ignored(entry.name):
                continue
            if entry.is_symlink() and not _leads_inside(Path(entry.path), inside):
                found.set_aside.append((shown(str(path)), _LINK))
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            elif entry.is_file():
                about = entry.stat()
                yield path, about.st_size, about.st_mtime_ns


def _leads_inside(link: Path, inside: Path) -> bool:
    """Return whether a link leads to a file inside the folder; a link to a folder is not followed.

    A link to a folder could lead in a circle.
    """
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # it leads nowhere, or in a circle
        return False
    return target.is_relative_to(inside) and target.is_file()


def list_zip(path: Path) -> Listing:
    """Return the pictures in the zip of a folder; nothing is unpacked to the disk.

    Raises:
        DatasetUnavailable: It is no zip, or unpacks to too much.
    """
    try:
        archive = zipfile.ZipFile(path)
        members = [member for member in archive.infolist() if not member.is_dir()]
    except (OSError, ValueError, *BROKEN_ZIP) as error:
        raise DatasetUnavailable(f"{path} is not a zip that can be read ({error}).") from error
    if sum(member.file_size for member in members) > MAX_ZIP_BYTES:
        raise DatasetUnavailable(f"{path} unpacks to more than {MAX_ZIP_BYTES >> 30} GB.")
    found = Found(str(path))
    paths = {member.filename: PurePosixPath(member.filename) for member in members}
    kept = {
        name: place
        for name, place in paths.items()
        if not any(is_ignored(part) for part in place.parts)
    }
    start = _shared_top(list(kept.values()))
    below = {name: PurePosixPath(*place.parts[start:]) for name, place in kept.items()}
    has_splits = ships_split({place.parts[0] for place in below.values() if len(place.parts) > 1})
    for name, place in below.items():
        where = place_in_folders(place, has_splits)
        if where is not None:
            found.add(shown(str(place)), *where, name)
        elif place.suffix.lower() in _PICTURES:
            found.set_aside.append((shown(str(place)), _NO_CLASS))
    title = shown(path.stem) or "pictures"
    about = path.stat()
    fingerprint = fingerprint_of("zip", title, [(path.name, about.st_size, about.st_mtime_ns)])

    def read(key: str | int, size: int) -> Square:
        try:
            if archive.getinfo(str(key)).file_size > MAX_FILE_BYTES:
                raise Unreadable(f"is larger than {MAX_FILE_BYTES >> 20} MB")
            return square_of_file(archive.read(str(key)), size)
        except (OSError, ValueError, *BROKEN_ZIP) as error:
            raise Unreadable("is damaged in the zip, or has a password") from error

    return Listing(title, found.in_order(), fingerprint, read, tuple(found.set_aside))


def _shared_top(paths: list[PurePosixPath]) -> int:
    """Return 1 where one folder holds all the others, as of a zipped folder; else 0."""
    tops = {path.parts[0] for path in paths}
    is_deep = all(len(path.parts) > 2 for path in paths)
    is_one = len(tops) == 1 and is_deep and not ships_split(tops)
    return int(is_one and len({path.parts[1] for path in paths}) > 1)
