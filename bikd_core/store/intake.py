"""Unpacks the zip of a run that may come from anybody, and checks everything in it.

`python -m bikd_core.store.intake` does it for a server, in a process that may use little memory.
It reads one JSON object from standard input, {"zip": path, "folder": path, "room": bytes}, and
writes lines: {"done": bytes, "total": bytes} as it goes on, then {"error": sentence} or {}.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from bikd_core.store.files import BROKEN_ZIP, CorruptRunError, StoreError, writing
from bikd_core.store.folder import RunFolder
from bikd_core.store.limits import check_sizes, max_images, members_of
from bikd_core.store.record import ENDED

MAX_MEMORY_BYTES = 2**30
Progress = Callable[[int, int], None]  # bytes done, bytes in all


def nobody_watches(done: int, total: int) -> None:
    """Take the progress of an import that nobody watches."""


def unpack(
    source: Path | BinaryIO,
    folder: RunFolder,
    *,
    room_bytes: int | None = None,
    on_progress: Progress = nobody_watches,
) -> None:
    """Unpack the zip of a run into a new folder and check everything in it.

    Args:
        source: The zip.
        folder: The folder, which is made; if the zip is refused, the caller removes it.
        room_bytes: What it may take on the disk; None for no limit.
        on_progress: Called with the bytes that are unpacked and checked, and their total.

    Raises:
        CorruptRunError: The file is not a run's zip; one sentence says what is wrong with it.
        StoreError: There is no room for it, or the folder cannot be written.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            _unpack(archive, folder, room_bytes, on_progress)
    except BROKEN_ZIP as error:
        raise CorruptRunError(f"The file is not the zip of a run: {error}.") from error
    except MemoryError as error:
        raise CorruptRunError(
            "The file is not the zip of a run: it takes too much memory to read."
        ) from error


def _unpack(
    archive: zipfile.ZipFile, folder: RunFolder, room_bytes: int | None, on_progress: Progress
) -> None:
    members = members_of(archive)
    total, done = sum(member.file_size for member in members), 0
    if room_bytes is not None and total > room_bytes:
        raise StoreError(
            f"The run takes {total / 1e6:,.0f} MB, and the runs may take only "
            f"{max(0, room_bytes) / 1e6:,.0f} MB more: delete runs, or set BIKD_QUOTA_GB."
        )
    with writing(folder.path):
        (folder.path / "frames").mkdir(parents=True)
        archive.extract("run.json", folder.path)
        with _short_names(folder):
            check_sizes(members, folder.record().config)
        for member in members:
            archive.extract(member, folder.path)
            done += member.file_size
            on_progress(done // 2, total)
    with _short_names(folder):
        _check(folder, total, on_progress)


def _check(folder: RunFolder, total: int, on_progress: Progress) -> None:
    record, status = folder.record(), folder.status()
    if status.state not in ENDED:
        raise CorruptRunError(
            f"The run of the zip is {status.state}; only one that has ended can be opened."
        )
    done = total // 2

    def count(num_bytes: int) -> None:
        nonlocal done
        done += num_bytes // 2
        on_progress(min(done, total), total)

    folder.verify(max_images(record.config), count)


@contextlib.contextmanager
def _short_names(folder: RunFolder) -> Any:
    """Leave the folder's own path out of a message: it is gone when somebody reads that."""
    try:
        yield
    except CorruptRunError as error:
        raise CorruptRunError(str(error).replace(f"{folder.path}{os.sep}", "")) from error


def serve(request: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> None:
    """Unpack one zip, and tell its progress and at last whether it was refused."""
    folder = RunFolder(Path(request["folder"]))
    shown = 0.0

    def on_progress(done: int, total: int) -> None:
        nonlocal shown
        if total and done / total >= shown + 0.01:
            shown = done / total
            tell({"done": done, "total": total})

    try:
        unpack(Path(request["zip"]), folder, room_bytes=request["room"], on_progress=on_progress)
    except CorruptRunError as error:
        tell({"error": str(error), "is_corrupt": True})
    except StoreError as error:
        tell({"error": str(error), "is_corrupt": False})
    else:
        tell({})


def limit_memory(max_bytes: int = MAX_MEMORY_BYTES) -> None:
    """Let this process use at most so many bytes of address space, where that is possible."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))


def taken_bytes() -> int | None:
    """Return the bytes of address space that this process has taken; None where unknown."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Serve one request from standard input; what libraries print goes where errors go."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    limit_memory()

    def tell(line: dict[str, Any]) -> None:
        answer.write(json.dumps(line) + "\n")
        answer.flush()

    serve(json.load(sys.stdin), tell)


if __name__ == "__main__":
    main()
