"""A run as one zip: a recorded run, or one that was exported and can be opened elsewhere.

The zip holds the folder's files except the checkpoint, the locks and the process's own log. It
may come from anybody, so nothing in it is trusted: names, sizes and contents are checked before
the run is in the list.
"""

from __future__ import annotations

import io
import os
import re
import secrets
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from bikd_core.events import Frame, Panel
from bikd_core.store.files import (
    BROKEN_ZIP,
    CorruptRunError,
    StoreError,
    remove_folder,
    replace_text,
    writing,
)
from bikd_core.store.folder import RunFolder
from bikd_core.store.layouts import arrays, layouts
from bikd_core.store.record import ENDED, RunRecord, is_id, new_id

MAX_UNPACKED_BYTES = 2**30
_MEMBER = re.compile(
    r"(run|status)\.json|events\.jsonl|panel\.npz|frames/\d{4,9}\.npz|"
    r"traces/\d{4,9}-\d{6,12}\.npz|student\.safetensors"
)


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
            if not path.is_file() or not _MEMBER.fullmatch(name):
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
            return RunRecord.model_validate_json(archive.read("run.json"))
    except (OSError, KeyError, ValidationError, zipfile.BadZipFile) as error:
        raise CorruptRunError(f"{path} is not the zip of a run: {error}") from error


def import_run(source: Path | BinaryIO, runs_dir: Path) -> RunFolder:
    """Import an exported run into a folder of runs; if it is already there, return that one.

    Raises:
        CorruptRunError: The file is not a run's zip; one sentence says what is wrong with it.
        StoreError: The runs' folder cannot be written; nothing is left of the run.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            return _unpack(archive, runs_dir)
    except BROKEN_ZIP as error:
        raise CorruptRunError(f"The file is not the zip of a run: {error}.") from error


def _unpack(archive: zipfile.ZipFile, runs_dir: Path) -> RunFolder:
    members = [member for member in archive.infolist() if not member.is_dir()]
    unknown = [member.filename for member in members if not _MEMBER.fullmatch(member.filename)]
    if unknown:
        raise CorruptRunError(f"The zip is not that of a run: it holds {unknown[0][:80]!r}.")
    if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
        raise CorruptRunError(f"The zip is larger than {MAX_UNPACKED_BYTES:,} bytes unpacked.")
    unpacked = RunFolder(runs_dir / f".import-{secrets.token_hex(8)}")
    with writing(runs_dir):
        try:
            (unpacked.path / "frames").mkdir(parents=True)
            for member in members:
                archive.extract(member, unpacked.path)
            return _adopt(unpacked, runs_dir)
        finally:
            remove_folder(unpacked.path)


def _adopt(unpacked: RunFolder, runs_dir: Path) -> RunFolder:
    """Check an unpacked run and rename it into its place."""
    try:
        unpacked.verify()
    except CorruptRunError as error:
        # The folder is gone when somebody reads this.
        raise CorruptRunError(str(error).replace(f"{unpacked.path}{os.sep}", "")) from error
    record, status = unpacked.record(), unpacked.status()
    if status.state not in ENDED:
        raise CorruptRunError(
            f"The run of the zip is {status.state}; only one that has ended can be opened."
        )
    run_id = record.id if is_id(record.id) else new_id(record.config)
    existing = RunFolder(runs_dir / run_id)
    if existing.path.exists():
        if existing.log_path.read_bytes() == unpacked.log_path.read_bytes():
            return existing
        run_id = new_id(record.config)
    renamed = record.model_copy(update={"id": run_id, "is_imported": True})
    replace_text(unpacked.path / "run.json", renamed.model_dump_json(indent=2))
    target = RunFolder(runs_dir / run_id)
    unpacked.path.rename(target.path)
    return target
