"""numpy's array files (.npy, and the members of an .npz), read in any thread.

numpy reads the header of an array with Python's parser. Up to Python 3.11.7 and 3.12.1 that may
fail with a SystemError, "AST constructor recursion depth mismatch", when the garbage collector
runs just then and lets in another thread that parses (python/cpython#106905); here a thread trains,
and each browser is served by one. The header is one line of a fixed form (NEP 1), so no parser is
needed.
"""

from __future__ import annotations

import math
import re
import sys
import zipfile
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"\x93NUMPY"
_MAX_HEADER_BYTES = 10_000  # as numpy; those of plain arrays have 118
_LENGTH_BYTES = {1: 2, 2: 4, 3: 4}  # of the header's length, by version
_PAIR = re.compile(
    r"\s*'(?:(?P<type>descr)'\s*:\s*'(?P<descr>[<>|=]?[?a-zA-Z]\d*)'"
    r"|(?P<order>fortran_order)'\s*:\s*(?P<is_fortran>True|False)"
    r"|(?P<shape>shape)'\s*:\s*\((?P<sizes>(?:\s*\d{1,18}L?\s*,)*(?:\s*\d{1,18}L?)?)\s*\))\s*(?:,|$)"
)  # Python 2 wrote 3L for 3


class Header(NamedTuple):
    """What an array file says of its array."""

    shape: tuple[int, ...]
    order: Literal["C", "F"]  # F: of Fortran, the first index changes fastest
    dtype: np.dtype[Any]

    @property
    def num_bytes(self) -> int:
        """The size of the values, in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(file: IO[bytes]) -> Header:
    """Return the header of an array file; the file is left where its values begin.

    Raises:
        ValueError: It is damaged, or the array is not of numbers, truth values or texts.
    """
    start = file.read(len(_MAGIC) + 2)
    if len(start) < len(_MAGIC) + 2 or not start.startswith(_MAGIC):
        raise ValueError("it is not an array of numpy")
    width = _LENGTH_BYTES.get(start[-2])
    if width is None or start[-1] != 0:
        raise ValueError(f"it has the format {start[-2], start[-1]}; numpy has (1, 0) to (3, 0)")
    num_bytes = int.from_bytes(_exactly(file, width), "little")
    if num_bytes > _MAX_HEADER_BYTES:
        raise ValueError(f"its header has {num_bytes:,} bytes; at most {_MAX_HEADER_BYTES:,}")
    return _parsed(_exactly(file, num_bytes).decode("latin-1"))


def _parsed(header: str) -> Header:
    text = header.strip()
    body = text[1:-1].strip()
    found: dict[str, str] = {}
    position = 0
    while position < len(body) and (pair := _PAIR.match(body, position)):
        found |= {name: value for name, value in pair.groupdict().items() if value is not None}
        position = pair.end()
    is_whole = text[:1] == "{" and text[-1:] == "}" and position == len(body)
    if not is_whole or found.keys() != set(_PAIR.groupindex):
        raise ValueError(f"its header is damaged, or not that of a plain array: {text[:80]!r}")
    try:
        dtype = np.dtype(found["descr"])
    except TypeError as error:
        raise ValueError(f"its type is {found['descr']!r}, which numpy does not know") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects; it must hold numbers, truth values or texts")
    sizes = (part.strip().rstrip("L") for part in found["sizes"].split(","))
    shape = tuple(int(part) for part in sizes if part)
    if math.prod(shape) * max(1, dtype.itemsize) > sys.maxsize:
        raise ValueError(f"its shape is {shape}, more than memory can hold")
    return Header(shape, "F" if found["is_fortran"] == "True" else "C", dtype)


def read_array(file: IO[bytes]) -> NDArray[Any]:
    """Return the array of an array file, [N, …], as `numpy.load` would; it cannot be written to.

    Raises:
        ValueError: As `read_header`, or values are missing.
    """
    return values_of(read_header(file), file)


def values_of(header: Header, file: IO[bytes]) -> NDArray[Any]:
    """Return the array [N, …] behind a header; raises ValueError if the file ends early."""
    values = _exactly(file, header.num_bytes)
    return np.ndarray(header.shape, header.dtype, values, order=header.order)


def mapped(path: Path) -> NDArray[Any]:
    """Return the array [N, …] of a .npy file, read from the disk where it is looked at.

    Raises:
        OSError: There is no such file.
        ValueError: As `read_header`, or values are missing.
    """
    with path.open("rb") as file:
        header = read_header(file)
        start = file.tell()
    return np.memmap(path, header.dtype, "r", start, header.shape, header.order)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an .npz by name.

    Raises:
        OSError, zipfile.BadZipFile, zlib.error: It cannot be read.
        ValueError: As `read_array`; the message names the array.
    """
    found = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            try:
                with archive.open(member) as file:
                    found[name] = read_array(file)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
    return found


def _exactly(file: IO[bytes], num_bytes: int) -> bytes:
    content = file.read(num_bytes)
    if len(content) != num_bytes:
        raise ValueError(f"it ends {num_bytes - len(content):,} bytes too early")
    return content
