"""Pictures that a table names (CSV or Parquet), or that arrays hold (.npz)."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bikd_core import npy
from bikd_core.data.own.decoding import Square, square_of_array, square_of_file
from bikd_core.data.own.listing import (
    Found,
    Listing,
    Split,
    fingerprint_of,
    shown,
    split_named,
    stamp,
)
from bikd_core.data.source import DatasetUnavailable

_PATHS = ("path", "file", "filename", "image")  # the names of a table's columns
_LABELS = ("label", "class", "category", "target")
_SPLITS = ("split", "set", "subset")
#: The names of an .npz's arrays, by split: the first pair that is there.
_ARRAYS: dict[Split, tuple[tuple[str, str], ...]] = {
    "train": (("images", "labels"), ("train_images", "train_labels"), ("x_train", "y_train")),
    "test": (("test_images", "test_labels"), ("x_test", "y_test")),
    "val": (("val_images", "val_labels"), ("x_val", "y_val")),
}
MAX_ARRAYS_BYTES = 16 * 2**30


def list_table(path: Path) -> Listing:
    """Return the pictures that a table names by paths below its own folder.

    It has a column path and a column label; a column split (train, val or test) is kept.

    Raises:
        DatasetUnavailable: It cannot be read, or lacks a column.
    """
    table = _table(path)
    names, labels = _column(table, _PATHS, path), _column(table, _LABELS, path)
    splits = _splits(table, path)
    found, inside, stamps = Found(str(path)), path.parent.resolve(), [stamp(path, path.name)]
    for name, label, split in zip(names, labels, splits, strict=True):
        file = path.parent / name
        try:
            if not file.resolve(strict=True).is_relative_to(inside):
                found.set_aside.append((shown(name), "lies outside the table's folder"))
                continue
            stamps.append(stamp(file, name))
        except (OSError, ValueError, RuntimeError) as error:
            why = getattr(error, "strerror", None) or "no such file"
            found.set_aside.append((shown(name), f"cannot be read ({why})"))
            continue
        found.add(shown(name), shown(label), split, name)

    def read(key: str | int, size: int) -> Square:
        return square_of_file(path.parent / str(key), size)

    title = shown(path.stem) or "pictures"
    fingerprint = fingerprint_of("table", title, stamps)
    return Listing(title, fingerprint, lambda: found, read)


def _table(path: Path) -> Any:
    import pandas as pd  # half a second

    try:
        if path.suffix.lower() == ".csv":
            return pd.read_csv(path, dtype=str, keep_default_na=False)
        return pd.read_parquet(path).astype(str)
    except (OSError, ValueError, UnicodeError) as error:  # pandas' and pyarrow's are ValueErrors
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetUnavailable(f"{path} is not a table that can be read ({first}).") from error


def _column(table: Any, names: tuple[str, ...], path: Path) -> list[str]:
    by_name = {str(name).strip().lower(): name for name in table.columns}
    for name in names:
        if name in by_name:
            return [str(value) for value in table[by_name[name]]]
    raise DatasetUnavailable(
        f"{path} has the columns {', '.join(map(str, table.columns))[:200]}: it needs one that is "
        f"called {' or '.join(names)}."
    )


def _splits(table: Any, path: Path) -> list[Split]:
    if not {str(name).strip().lower() for name in table.columns} & set(_SPLITS):
        return ["train"] * len(table)
    words = _column(table, _SPLITS, path)
    try:
        return [split_named(word) for word in words]
    except KeyError as error:
        raise DatasetUnavailable(
            f"{path} has the split {str(error.args[0])[:40]!r}: it must be train, val or test."
        ) from error


def list_arrays(path: Path) -> Listing:
    """Return the pictures in an .npz: `images` [N, H, W] or [N, H, W, c] and `labels` [N].

    Arrays of a split may be called `train_images`, `test_images`, `val_images`, or `x_train`,
    `y_train` and so on; `class_names` gives names to labels that are numbers.

    Raises:
        DatasetUnavailable: It cannot be read, or its arrays are of another kind.
    """
    arrays = _arrays(path)
    names = [shown(str(name)) for name in arrays.get("class_names", ())]
    found, pictures = Found(str(path), class_names=names), dict[str, NDArray[Any]]()
    for split, pairs in _ARRAYS.items():
        for images_name, labels_name in pairs:
            if images_name in arrays:
                images, labels = arrays[images_name], arrays.get(labels_name)
                _check_arrays(path, images_name, images, labels_name, labels)
                assert labels is not None
                pictures[images_name] = images
                width = len(str(len(images)))
                for row, label in enumerate(labels.reshape(len(images)).tolist()):
                    name = f"{images_name}[{row:0{width}}]"
                    found.add(name, _class_name(label, names), split, f"{images_name}:{row}")
                break
    if not any(entry.split == "train" for entry in found.entries):
        raise DatasetUnavailable(
            f"{path} has the arrays {', '.join(arrays)[:200]}: it needs images and labels."
        )

    def read(key: str | int, size: int) -> Square:
        name, _, row = str(key).partition(":")
        return square_of_array(pictures[name][int(row)], size)

    title = shown(path.stem) or "pictures"
    fingerprint = fingerprint_of("npz", title, [stamp(path, path.name)])
    return Listing(title, fingerprint, lambda: found, read)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MAX_ARRAYS_BYTES:
            raise DatasetUnavailable(f"{path} unpacks to more than {MAX_ARRAYS_BYTES >> 30} GB.")
        return npy.read_arrays(path)
    except DatasetUnavailable:
        raise
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise DatasetUnavailable(f"{path} is not an .npz that can be read ({error}).") from error


def _check_arrays(
    path: Path,
    name: str,
    images: NDArray[Any],
    labels_name: str,
    labels: NDArray[Any] | None,
) -> None:
    is_picture = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3, 4))
    if images.dtype not in (np.uint8, np.uint16, np.bool_) or not is_picture:
        raise DatasetUnavailable(
            f"{name} in {path} is {images.dtype} {list(images.shape)}: it must be uint8, uint16 or "
            "bool of [N, H, W] or [N, H, W, channels], with 1, 3 or 4 channels."
        )
    if labels is None or labels.size != len(images) or labels.dtype.kind not in "iuUS":
        raise DatasetUnavailable(
            f"{labels_name} in {path} must be {len(images)} whole numbers or texts, one for each "
            f"of {name}."
        )


def _class_name(label: Any, names: list[str]) -> str:
    if isinstance(label, int) and 0 <= label < len(names):
        return names[label]
    return shown(label.decode("utf-8", "replace") if isinstance(label, bytes) else str(label))
