"""The checkpoint of a run: one folder, renamed into place. Tensors are numpy arrays, any shapes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.numpy
from numpy.typing import NDArray

from bikd_core.store.files import (
    CorruptRunError,
    force_to_disk,
    remove_folder,
    tensor_bytes,
    writing,
)


class Checkpoint(NamedTuple):
    """A training's state as it is stored; `values["epoch"]` is the epoch it belongs to."""

    tensors: dict[str, NDArray[Any]]
    values: dict[str, Any]


def save(run: Path, tensors: Mapping[str, NDArray[Any]], values: Mapping[str, Any]) -> None:
    """Replace a run's checkpoint; a crash at any point leaves the former one or the new one.

    Raises:
        StoreError: It cannot be written.
    """
    new, current, old = (run / f"checkpoint{ending}" for ending in (".new", "", ".old"))
    with writing(run):
        remove_folder(new)
        try:
            new.mkdir()
            (new / "tensors.safetensors").write_bytes(tensor_bytes(tensors))
            (new / "values.json").write_text(json.dumps(values), encoding="utf-8")
            for path in (*new.iterdir(), new):
                force_to_disk(path)
        except OSError:
            remove_folder(new)  # a full disk needs its room for the reason
            raise
        if current.exists():
            remove_folder(old)
            current.rename(old)
        new.rename(current)
        force_to_disk(run)
        remove_folder(old)


def load(run: Path) -> Checkpoint | None:
    """Return a run's checkpoint, None if there is none.

    Raises:
        CorruptRunError: It cannot be read.
    """
    folder = _find(run)
    if folder is None:
        return None
    path = folder / "tensors.safetensors"
    try:
        tensors = safetensors.numpy.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise CorruptRunError(f"{path}: {error}") from error
    return Checkpoint(tensors, _values(folder))


def epoch(run: Path) -> int:
    """Return the epoch after which a run would go on; 0 without a checkpoint.

    Raises:
        CorruptRunError: The checkpoint cannot be read.
    """
    folder = _find(run)
    return 0 if folder is None else int(_values(folder)["epoch"])


def _find(run: Path) -> Path | None:
    # A crash between the two renames of `save` leaves the former one as checkpoint.old.
    candidates = (run / "checkpoint", run / "checkpoint.old")
    return next((path for path in candidates if path.exists()), None)


def _values(folder: Path) -> dict[str, Any]:
    path = folder / "values.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorruptRunError(f"{path}: {error}") from error
    if not isinstance(values, dict) or not isinstance(values.get("epoch"), int):
        raise CorruptRunError(f"{path}: it has no whole number 'epoch'")
    return values
