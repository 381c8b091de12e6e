"""Files that a reader never meets half-written, and the errors of those that are broken."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors
import safetensors.numpy
from filelock import Timeout
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

_Model = TypeVar("_Model", bound=BaseModel)

#: What Python's zip reader raises for a file that is no zip, or a damaged one.
BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
    OverflowError,
)


class StoreError(Exception):
    """A run folder cannot be read, written or used as asked; the message is one sentence."""


class CorruptRunError(StoreError):
    """A file of a run is damaged or not valid; the message names its path, and the line if any."""


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
        left = f", {_free_mb(path)}" if error.errno in {errno.ENOSPC, errno.EDQUOT} else ""
        raise StoreError(
            f"{error.filename or path} cannot be written ({error.strerror or error}{left}); "
            "runs need a folder that can be written and has space left."
        ) from error


def _free_mb(path: Path) -> str:
    """Return how much space the disk of a file has left, in words."""
    try:
        free = shutil.disk_usage(path if path.exists() else path.parent).free
    except OSError:
        return "free space unknown"
    return f"{free / 1e6:,.1f} MB free"


def check_packing(member: zipfile.ZipInfo) -> None:
    """Refuse a member of a zip that is encrypted, or packed in another way than by deflating.

    Raises:
        CorruptRunError: It is; the message names it.
    """
    if member.flag_bits & 1:
        raise CorruptRunError(f"{member.filename!r:.80} in the zip is encrypted.")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise CorruptRunError(
            f"{member.filename!r:.80} in the zip is packed by method {member.compress_type}; it "
            "must be stored or deflated."
        )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield another name to write a whole file under; then it is renamed into place.

    If that fails, nothing is left of it: on a full disk it would take what others need.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        yield new
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def replace_text(path: Path, text: str) -> None:
    """Write a whole file under another name, then rename it into place."""
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, content: bytes) -> None:
    """Write a whole file of bytes under another name, then rename it into place."""
    with replacing(path) as new:
        new.write_bytes(content)


def cut_unfinished_line(path: Path) -> None:
    """Remove the end of a write that a killed process began, or the next one would join it."""
    with path.open("r+b") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)


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
    """Return what a JSON file holds.

    Raises:
        CorruptRunError: It cannot be read, or holds something else.
    """
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CorruptRunError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "JSON"
        fault = f"{place} = {first['input']!r:.80}: {first['msg']}"
        raise CorruptRunError(f"{path}: {fault}") from error


def tensor_bytes(
    tensors: Mapping[str, NDArray[Any]], metadata: dict[str, str] | None = None
) -> bytes:
    """Return the content of a .safetensors file of these arrays, of any shapes."""
    # safetensors copies the memory as it lies, so the rows have to lie in order.
    in_order = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    return safetensors.numpy.save(in_order, metadata)


def check_tensors(path: Path) -> None:
    """Check that a file is a whole .safetensors file; its tensors are not read.

    Raises:
        CorruptRunError: It is not.
    """
    try:
        with safetensors.safe_open(path, framework="np"):
            pass
    except (OSError, safetensors.SafetensorError) as error:
        raise CorruptRunError(f"{path}: {error}") from error
