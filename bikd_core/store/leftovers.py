"""Removes what killed processes left in a folder of runs: half-made and half-deleted ones."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from bikd_core.store.folder import RunFolder
from bikd_core.store.runs_dir import run_ids

log = logging.getLogger(__name__)

_HIDDEN = (".new-*", ".import-*", ".deleted-*")  # whole folders
_HALF_WRITTEN = ("*.new", "frames/*.new", "traces/*.new")  # in the folder of a run
YOUNG_S = 60.0  # what is younger may be somebody's who has not locked it yet


def sweep(runs_dir: Path) -> None:
    """Remove hidden leftovers that nobody holds; what cannot be removed stays, and is logged."""
    for pattern in _HIDDEN:
        for folder in runs_dir.glob(pattern):
            if not _is_young(folder):
                _remove_unheld(folder, [folder])
    for run_id in run_ids(runs_dir):
        run = RunFolder(runs_dir / run_id)
        found = [path for pattern in _HALF_WRITTEN for path in run.path.glob(pattern)]
        if (run.path / "checkpoint").exists():
            found += run.path.glob("checkpoint.old")
        if found and not any(map(_is_young, found)):
            _remove_unheld(run.path, found)


def _is_young(path: Path) -> bool:
    try:
        about = path.stat()
    except OSError:
        return True  # somebody has just removed it
    return time.time() - max(about.st_mtime, about.st_ctime) < YOUNG_S


def _remove_unheld(folder: Path, paths: list[Path]) -> None:
    try:
        with _held(folder / "lock"), _held(folder / "record.lock"):
            for path in paths:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
    except Timeout:
        pass  # somebody trains, imports or renames there
    except OSError as error:
        log.warning("a leftover in %s stays: %s", folder, error)


@contextlib.contextmanager
def _held(lock: Path) -> Iterator[None]:
    """Hold a lock that exists; one that does not is nobody's."""
    if not lock.exists():
        yield
        return
    with FileLock(lock).acquire(timeout=0):
        yield
