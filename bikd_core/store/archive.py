"""A run as one zip: a recorded run, or one that was exported and can be opened elsewhere.

The zip holds the folder's files except the checkpoint, the locks and the process's own log. It
may come from anybody, so nothing in it is trusted: names, sizes and contents are checked before
the run is in the list.
"""

from __future__ import annotations

import filecmp
import io
import secrets
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from bikd_core.events import Frame, Panel
from bikd_core.store.files import BROKEN_ZIP, CorruptRunError, StoreError, replace_text, writing
from bikd_core.store.folder import RunFolder
from bikd_core.store.intake import unpack
from bikd_core.store.layouts import arrays, layouts
from bikd_core.store.limits import is_member, members_of
from bikd_core.store.record import ENDED, RunRecord, is_id, new_id


def export_run(folder: RunFolder, target: Path | BinaryIO, max_images: int | None = None) -> None:
    """Write a run that has ended to a zip.

    Args:
        folder: The run.
        target: The zip; one that exists is replaced.
        max_images: Keep the per-image values of only this many images, drawn evenly from the
            classes, and of those in the batches under the lens. Leave the student out.
            Histograms stay those of all images. None keeps everything.

    Raises:
        StoreError: The run has not ended, or the zip cannot be written.
    """
    status = folder.status()
    if status.state not in ENDED:
        raise StoreError(
            f"The run {folder.run_id} is {status.state}: it can be exported when it has ended."
        )
    rows = None if max_images is None else _kept_rows(folder, max_images)
    with (
        writing(target if isinstance(target, Path) else folder.path),
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
    ):
        for path in sorted(folder.path.rglob("*")):
            name = path.relative_to(folder.path).as_posix()
            if not path.is_file() or not is_member(name):
                continue
            if rows is None:
                archive.write(path, name)
            elif name.endswith(".npz"):
                archive.writestr(name, _thinned(folder, name, rows), zipfile.ZIP_STORED)
            elif name.endswith((".json", ".jsonl")):
                archive.write(path, name)


def _kept_rows(folder: RunFolder, max_images: int) -> NDArray[np.int64]:
    """Return the rows of the panel that a thinned run keeps, rising, [kept]."""
    rows = [panel_rows(folder.panel().labels, max_images)]
    rows += [folder.trace(step).rows.astype(np.int64) for step in folder.traces()]
    return np.unique(np.concatenate(rows))


def panel_rows(labels: NDArray[Any], max_images: int) -> NDArray[np.int64]:
    """Return the rows of a stratified panel, rising: [N] labels -> [kept].

    Each class gives its first images, the same number for all. A class with fewer images gives
    all it has, and the others share what that leaves.
    """
    left = {label: np.flatnonzero(labels == label) for label in np.unique(labels)}
    chosen: list[NDArray[np.int64]] = []
    room = max_images
    for number, label in enumerate(sorted(left, key=lambda label: len(left[label]))):
        share = max(1, room // (len(left) - number))
        chosen.append(left[label][:share])
        room -= len(chosen[-1])
    return np.sort(np.concatenate(chosen))


def _thinned(folder: RunFolder, name: str, rows: NDArray[np.int64]) -> bytes:
    """Return the file of a panel, frame or trace with these rows of the panel alone, [kept]."""
    if name.startswith("traces/"):
        kept = arrays(folder.trace(int(Path(name).stem.split("-")[1])))
        kept["rows"] = np.searchsorted(rows, kept["rows"]).astype(np.int32)
    else:
        is_panel = name == "panel.npz"
        whole = arrays(folder.panel() if is_panel else folder.frame(int(Path(name).stem)))
        layout = layouts(Panel if is_panel else Frame)
        kept = {
            key: value[rows] if layout[key].shape[0] == "N" else value
            for key, value in whole.items()
        }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **kept)
    return buffer.getvalue()


def read_record(path: Path) -> RunRecord:
    """Return the record of a run in a zip, without unpacking it.

    Raises:
        CorruptRunError: The file is not the zip of a run.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members_of(archive)
            return RunRecord.model_validate_json(archive.read("run.json"))
    except (OSError, CorruptRunError, *BROKEN_ZIP) as error:
        raise CorruptRunError(f"{path} is not the zip of a run: {error}") from error


def import_run(source: Path | BinaryIO, runs_dir: Path) -> RunFolder:
    """Import an exported run into a folder of runs; if it is already there, return that one.

    Raises:
        CorruptRunError: The file is not a run's zip; one sentence says what is wrong with it.
        StoreError: The runs' folder cannot be written; nothing is left of the run.
    """
    with import_folder(runs_dir) as folder:
        unpacked = RunFolder(folder / "run")
        unpack(source, unpacked)
        return adopt(unpacked, runs_dir)


@contextmanager
def import_folder(runs_dir: Path) -> Iterator[Path]:
    """Hold a hidden folder in a folder of runs for what is being imported; then remove it."""
    folder = runs_dir / f".import-{secrets.token_hex(8)}"
    with writing(runs_dir):
        folder.mkdir(parents=True)
    try:
        with FileLock(folder / "lock", thread_local=False):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def adopt(unpacked: RunFolder, runs_dir: Path) -> RunFolder:
    """Rename a run that is unpacked and checked into its place; return the run as it is there.

    If the same run is there already, that one is returned and the unpacked one stays.

    Raises:
        StoreError: The runs' folder cannot be written.
    """
    record = unpacked.record()
    run_id = record.id if is_id(record.id) else new_id(record.config)
    existing = RunFolder(runs_dir / run_id)
    with writing(runs_dir):
        if existing.path.exists():
            if filecmp.cmp(existing.log_path, unpacked.log_path, shallow=False):
                return existing
            run_id = new_id(record.config)
        renamed = record.model_copy(update={"id": run_id, "is_imported": True})
        replace_text(unpacked.path / "run.json", renamed.model_dump_json(indent=2))
        target = RunFolder(runs_dir / run_id)
        unpacked.path.rename(target.path)
    return target
