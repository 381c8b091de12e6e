"""Opens own pictures for the page in a process of its own: decoding may fail, and takes memory."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

from bikd_core.config import MAX_CLASS_NAME
from bikd_core.data.own.cache import own_folder, read_index
from bikd_core.data.source import DatasetUnavailable
from bikd_core.places import Places
from bikd_core.runs.child import environment
from bikd_core.runs.importing import used_bytes

log = logging.getLogger(__name__)
_LIMIT_S = 600.0
_COMMAND = (sys.executable, "-P", "-m", "bikd_core.cli", "data", "look")
ENDINGS = ("zip", "npz")  # of files that may be uploaded
_TABLES = ("csv", "parquet")


def open_upload(source: BinaryIO, file_name: str, size: int, places: Places) -> dict[str, Any]:
    """Open uploaded pictures as a data set; return what is in them, as `Preview.as_data`.

    Args:
        source: A zip of a folder, or an .npz.
        file_name: Its name at home, which gives the data set its title.
        size: Height and width to which pictures are resized.
        places: Where the data sets lie, and how much uploads may take.

    Raises:
        DatasetUnavailable: They cannot be opened: one sentence, and nothing is kept.
    """
    folder = _own_folder_with_room(places)
    with tempfile.TemporaryDirectory(prefix=".incomplete-", dir=folder) as temporary:
        path = Path(temporary, _plain(file_name))
        with path.open("wb") as file:
            while chunk := source.read(1 << 20):
                file.write(chunk)
        return _looked_at(path, size, places)


def names_here(places: Places) -> list[str]:
    """Return what lies in `places.pictures` and may be opened: folders, zips, .npz and tables.

    Raises:
        DatasetUnavailable: The folder is not there, or cannot be read.
    """
    if places.pictures is None:
        return []
    endings = {f".{ending}" for ending in (*ENDINGS, *_TABLES)}
    try:
        entries = sorted(places.pictures.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise DatasetUnavailable(f"{places.pictures} cannot be read: {error.strerror}.") from error
    return [
        path.name
        for path in entries
        if not path.name.startswith(".") and (path.is_dir() or path.suffix.lower() in endings)
    ]


def open_here(name: str, size: int, places: Places) -> dict[str, Any]:
    """Open pictures that lie on this machine, below `places.pictures`; as `open_upload`.

    Args:
        name: Their path, relative to that folder.
        size: Height and width to which pictures are resized.
        places: Where the data sets lie, and that folder.

    Raises:
        DatasetUnavailable: The path leads out of the folder, by a link too, or as `open_upload`.
    """
    if places.pictures is None:
        raise DatasetUnavailable("No folder of this machine is open to the page: --pictures-dir.")
    try:
        root = places.pictures.resolve(strict=True)
        path = (root / name).resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:  # a null byte, a circle of links
        raise DatasetUnavailable(f"There is no {name!r} in {places.pictures.name}.") from error
    if not path.is_relative_to(root) or path == root:
        raise DatasetUnavailable(
            f"{name!r} does not lie below {places.pictures.name}: only what does is opened."
        )
    _own_folder_with_room(places)
    return _looked_at(path, size, places)


def _own_folder_with_room(places: Places) -> Path:
    """Return the folder of own pictures; refuse if what is in it is more than may be."""
    folder = own_folder(places.data)
    folder.mkdir(parents=True, exist_ok=True)
    if used_bytes(folder) > places.quota_bytes:
        raise DatasetUnavailable(
            f"Own pictures take {places.quota_bytes / 1e9:g} GB already: delete some of "
            "the data folder's own, or set BIKD_QUOTA_GB."
        )
    return folder


def _plain(file_name: str) -> str:
    """Return a file's name without folders, of a length that every system takes."""
    stem, _, ending = re.sub(r"[/\\:\x00]", "_", file_name).rpartition(".")
    short = stem.lstrip(".")[: MAX_CLASS_NAME // 2] or "pictures"  # a letter may take four bytes
    return f"{short}.{ending if ending.lower() in ENDINGS else 'zip'}"


def _looked_at(path: Path, size: int, places: Places) -> dict[str, Any]:
    options = ("--size", str(size), "--data-dir", str(places.data.absolute()), "--json")
    try:
        done = subprocess.run(
            [*_COMMAND, str(path), *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT_S,
            env=environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DatasetUnavailable(
            f"Reading the pictures took more than {_LIMIT_S:g} s, so it was stopped: open them by "
            "bikd data look."
        ) from error
    errors = done.stderr.decode(errors="replace").strip()
    if done.returncode == 2:  # a refusal, whose last line is its sentence
        sentence = errors.splitlines()[-1] if errors else "The pictures cannot be opened."
        raise DatasetUnavailable(sentence.replace(str(path), path.name))
    if done.returncode != 0:
        log.error("no pictures were opened: %s", errors)
        raise DatasetUnavailable(
            f"The process that reads pictures ended by itself (exit code {done.returncode})."
        )
    found: dict[str, Any] = json.loads(done.stdout)
    read_index(found["dataset"], places.data)  # the facts are known here from now on
    return found
