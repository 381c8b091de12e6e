"""Imports a zip that somebody uploaded: a process of its own, with little memory, reads it."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import BinaryIO

from bikd_core.places import Places
from bikd_core.runs.child import environment
from bikd_core.store import CorruptRunError, RunFolder, StoreError
from bikd_core.store.archive import adopt, import_folder
from bikd_core.store.files import writing
from bikd_core.store.intake import Progress, nobody_watches

log = logging.getLogger(__name__)

LIMIT_S = 120.0
_COMMAND = (sys.executable, "-P", "-m", "bikd_core.store.intake")


def used_bytes(runs_dir: Path) -> int:
    """Return what a folder of runs takes on the disk."""
    return RunFolder(runs_dir).size_bytes()


def import_upload(
    source: BinaryIO, places: Places, on_progress: Progress = nobody_watches
) -> RunFolder:
    """Import an exported run that may come from anybody; waits for the process that reads it.

    Args:
        source: The zip.
        places: Where the runs lie, and how much they may take.
        on_progress: Called in this thread with bytes done and their total.

    Raises:
        CorruptRunError: The file is not a run's zip; one sentence says what is wrong with it.
        StoreError: There is no room for it, or the runs' folder cannot be written.
    """
    with import_folder(places.runs) as folder:
        with writing(places.runs), (folder / "upload.zip").open("wb") as file:
            source.seek(0)
            shutil.copyfileobj(source, file)
        request = {
            "zip": str((folder / "upload.zip").absolute()),
            "folder": str((folder / "run").absolute()),
            "room": places.quota_bytes - used_bytes(places.runs),
        }
        _read_in_child(request, on_progress)
        return adopt(RunFolder(folder / "run"), places.runs)


def _read_in_child(request: dict[str, object], on_progress: Progress) -> None:
    """Let a process of its own unpack and check a zip: see `bikd_core.store.intake`."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            # Each thread of OpenBLAS would take address space, which is limited.
            env=environment() | {"OPENBLAS_NUM_THREADS": "1"},
        )
        timer = threading.Timer(LIMIT_S, process.kill)
        timer.start()
        assert process.stdin is not None
        assert process.stdout is not None
        answer: dict[str, object] | None = None
        try:
            process.stdin.write(json.dumps(request).encode())
            process.stdin.close()
            for line in process.stdout:
                answer = json.loads(line)
                if "done" in answer:
                    on_progress(int(str(answer["done"])), int(str(answer["total"])))
        finally:  # also where the page that follows is closed
            is_in_time = timer.is_alive()
            timer.cancel()
            process.kill()
            process.wait()
            process.stdout.close()
        if answer is None or "done" in answer:
            errors.seek(0)
            log.error("no run was imported: %s", errors.read().decode(errors="replace"))
            why = "crashed" if is_in_time else f"took longer than {LIMIT_S:g} s, so it was ended"
            raise CorruptRunError(f"The process that reads zips of runs {why}: nothing was opened.")
    if "error" in answer:
        kind = CorruptRunError if answer["is_corrupt"] else StoreError
        raise kind(str(answer["error"]))
