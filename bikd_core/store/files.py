"""Files that a reader never meets half-written, and the errors of those that are broken."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors.numpy
from filelock import Timeout
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from bikd_core.events import TOP_BELIEFS, Frame, Panel, StepTrace, arrays

_Model = TypeVar("_Model", bound=BaseModel)
_Arrays = TypeVar("_Arrays", Panel, Frame, StepTrace)


class StoreError(Exception):
    """A run folder cannot be read, written or used as asked; the message is one sentence."""


class CorruptRunError(StoreError):
    """A file of a run holds what it cannot hold; the message has its path, and line if it has."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn any failure to write into one sentence.

    Raises:
        StoreError: The block could not write.
    """
    try:
        yield
    except Timeout as error:
        raise StoreError(f"{path} is being written by another process; try again.") from error
    except OSError as error:
        raise StoreError(
            f"{error.filename or path} cannot be written ({error.strerror or error}); "
            "runs need a folder that can be written and has space left."
        ) from error


def replace_text(path: Path, text: str) -> None:
    """Write a whole file under another name, then rename it into place."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


def replace_bytes(path: Path, content: bytes) -> None:
    """As `replace_text`."""
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(content)
    os.replace(new, path)


def force_to_disk(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, has reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_folder(path: Path) -> None:
    """Remove a folder and all in it, if it is there."""
    if path.exists():
        shutil.rmtree(path)


def read_model(path: Path, model: type[_Model]) -> _Model:
    """What a JSON file holds.

    Raises:
        CorruptRunError: It cannot be read, or holds something else.
    """
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CorruptRunError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise CorruptRunError(f"{path}: {place or 'JSON'}: {first['msg']}") from error


def write_arrays(path: Path, of: Panel | Frame | StepTrace) -> None:
    """Write the arrays of a panel, a frame or a trace to one .npz file, in one rename."""
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:  # packed it would be a sixth smaller, and take ten times as long
        np.savez(file, allow_pickle=False, **arrays(of))
    os.replace(new, path)


def read_arrays(path: Path, kind: type[_Arrays], **values: Any) -> _Arrays:
    """What `write_arrays` wrote; `values` are those of its fields that are no arrays.

    Raises:
        StoreError: There is no such file.
        CorruptRunError: It is damaged.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return kind(**{name: file[name] for name in file.files}, **values)
    except FileNotFoundError as error:
        raise StoreError(f"The run has no {path.name} yet.") from error
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise CorruptRunError(f"{path}: {error}") from error


def check_beliefs(frame: Frame, path: Path) -> None:
    """Look whether beliefs are those of the frame's images and classes: a zip may hold anything.

    Raises:
        CorruptRunError: They are not; the message names the file.
    """
    num_classes = len(frame.confusion)
    shape = (len(frame.ce_student), min(TOP_BELIEFS, num_classes))
    pairs = {
        "student": (frame.student_top, frame.student_belief),
        "teacher": (frame.teacher_top, frame.teacher_belief),
    }
    for whose, pair in pairs.items():
        fits = all(
            part is None or (part.shape, part.dtype.kind in "iu") == (shape, True) for part in pair
        )
        top = pair[0]
        if not fits or (top is not None and bool(((top < 0) | (top >= num_classes)).any())):
            raise CorruptRunError(
                f"{path}: the beliefs of the {whose} are not of this run's images."
            )


def tensor_bytes(
    tensors: Mapping[str, NDArray[Any]], metadata: dict[str, str] | None = None
) -> bytes:
    """The content of a .safetensors file."""
    # It is taken from the arrays' memory as that lies there, so the rows have to lie in order.
    in_order = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    return safetensors.numpy.save(in_order, metadata)
