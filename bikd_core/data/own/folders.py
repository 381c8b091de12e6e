"""Pictures in a folder, or in the zip of one."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path

from bikd_core.data.own.decoding import Square, Unreadable, check_size, square_of, square_of_file
from bikd_core.data.own.listing import (
    Found,
    Listing,
    Stamp,
    fingerprint_of,
    is_ignored,
    ships_split,
    shown,
    stamp,
)
from bikd_core.data.source import DatasetUnavailable

_LINK = "is a link that leads out of the folder"
MAX_ZIP_BYTES = 64 * 2**30  # unpacked, of all members
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def list_folder(root: Path) -> Listing:
    """Return the pictures in a folder; links are followed only where they stay inside it.

    Raises:
        DatasetUnavailable: The folder cannot be read.
    """
    inside = root.resolve()
    files, refused = _walk(root, inside)
    title = shown(inside.name) or "pictures"

    def find() -> Found:
        return _found(str(root), [(name, name) for name, *_ in files], refused)

    def read(key: str | int, size: int) -> Square:
        return square_of_file(root / str(key), size)

    return Listing(title, fingerprint_of("folder", title, files), find, read)


def _found(place: str, files: list[tuple[str, str]], refused: list[tuple[str, str]]) -> Found:
    """Return the pictures among some files: each with its path below the top, and its key."""
    found = Found(place, set_aside=[*refused])
    tops = {path.partition("/")[0] for path, _ in files if "/" in path}
    has_splits = ships_split(tops)
    for path, key in files:
        found.place_by_folders(shown(path), key, has_splits)
    return found


def _walk(root: Path, inside: Path) -> tuple[list[Stamp], list[tuple[str, str]]]:
    """Return the files below a folder, and the names of what is not read, with the reasons."""
    files: list[Stamp] = []
    refused: list[tuple[str, str]] = []
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(root / folder))
        except OSError as error:
            if not folder:
                raise DatasetUnavailable(f"{root} cannot be read ({error.strerror}).") from error
            refused.append((shown(folder), f"cannot be read ({error.strerror})"))
            continue
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if is_ignored(entry.name):
                continue
            if entry.is_symlink() and not _leads_inside(Path(entry.path), inside):
                refused.append((shown(name), _LINK))
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(name)
            elif entry.is_file():
                about = entry.stat()
                files.append((name, about.st_size, about.st_mtime_ns))
    return files, refused


def _leads_inside(link: Path, inside: Path) -> bool:
    """Return whether a link leads to a file inside the folder.

    A link to a folder is not followed: it could lead in a circle.
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
    names = [member.filename for member in members]
    kept = [name for name in names if not any(map(is_ignored, name.split("/")))]
    depth = _shared_top(kept)
    title = shown(path.stem) or "pictures"

    def find() -> Found:
        return _found(str(path), [(name.split("/", depth)[-1], name) for name in kept], [])

    def read(key: str | int, size: int) -> Square:
        try:
            check_size(archive.getinfo(str(key)).file_size)
            content = archive.read(str(key))
        except (OSError, ValueError, *BROKEN_ZIP) as error:
            raise Unreadable("is damaged in the zip, or has a password") from error
        return square_of(content, size)

    return Listing(title, fingerprint_of("zip", title, [stamp(path, path.name)]), find, read)


def _shared_top(names: list[str]) -> int:
    """Return 1 where one folder holds all the others, as of a zipped folder; else 0."""
    paths = [name.split("/") for name in names]
    tops, below = {path[0] for path in paths}, {path[1] for path in paths if len(path) > 2}
    is_deep = all(len(path) > 2 for path in paths)
    return int(len(tops) == 1 and is_deep and not ships_split(tops) and len(below) > 1)
