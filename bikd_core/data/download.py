"""Fetch the archives of a data set with their progress; install either the whole set or nothing."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tarfile
import tempfile
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bikd_core.data.source import DatasetUnavailable, Progress

_TIMEOUT_S = 30
_CHUNK_BYTES = 1 << 18


class Archive(NamedTuple):
    """One published file: a tar.gz of several files, a gz of one, or a file as it is read."""

    url: str
    path: str  # below the data folder
    md5: str


def install(
    archives: Sequence[Archive],
    files: Sequence[str],
    data_dir: Path,
    expected_bytes: int,
    on_progress: Progress | None,
) -> None:
    """Unpack a data set into its folder, from archives that lie there or are downloaded.

    Everything is done in a temporary folder inside it; only the files of a complete set leave it.

    Args:
        archives: What is published.
        files: The files to install, below `data_dir`.
        data_dir: Created if it does not exist.
        expected_bytes: Size of all archives together.
        on_progress: Called with the bytes done and in all.

    Raises:
        DatasetUnavailable: An archive is not the published one.
        OSError: There is no connection, or the folder cannot be written (or
            `http.client.HTTPException`).
    """
    done = 0

    def report(num_bytes: int) -> None:
        nonlocal done
        done += num_bytes
        if on_progress is not None:
            on_progress(done, max(done, expected_bytes))

    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incomplete-", dir=data_dir) as temporary:
        for archive in archives:
            target = Path(temporary, archive.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy_or_download(archive, data_dir / archive.path, target, report)
            _unpack(target, files, Path(temporary))
        for file in files:
            (data_dir / file).parent.mkdir(parents=True, exist_ok=True)
            os.replace(Path(temporary, file), data_dir / file)


def _unpack(archive: Path, files: Sequence[str], folder: Path) -> None:
    """Write the wanted files of an archive; a file that is no archive stays as it is."""
    if archive.name.endswith(".tar.gz"):
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.name in files else None
                if content is not None:
                    (folder / member.name).parent.mkdir(parents=True, exist_ok=True)
                    with (folder / member.name).open("wb") as file:
                        shutil.copyfileobj(content, file)
    elif archive.suffix == ".gz":
        with gzip.open(archive) as packed, archive.with_suffix("").open("wb") as file:
            shutil.copyfileobj(packed, file)


def _copy_or_download(
    archive: Archive, stored: Path, target: Path, report: Callable[[int], None]
) -> None:
    if stored.is_file():
        shutil.copyfile(stored, target)
        report(target.stat().st_size)
        trouble = f"{stored} is cut off or is not the published file: delete it"
    else:
        _download(archive.url, target, report)
        trouble = f"The download of {stored.name} broke off or was changed on the way: try again"
    with target.open("rb") as file:
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    if md5.hexdigest() != archive.md5:
        raise DatasetUnavailable(f"{trouble}, or put the right file there.")


def _download(url: str, target: Path, report: Callable[[int], None]) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "bikd"})
    with (
        urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response,
        target.open("wb") as file,
    ):
        while chunk := response.read(_CHUNK_BYTES):
            file.write(chunk)
            report(len(chunk))
