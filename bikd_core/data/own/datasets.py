"""Pictures that a `torch.utils.data.Dataset` holds, or anything else of pairs (picture, label)."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bikd_core.config import OWN_SIZES
from bikd_core.data.own.decoding import Square, Unreadable, square_of_array, square_of_image
from bikd_core.data.own.listing import SPLITS, Found, Listing, Split, shown
from bikd_core.data.own.opening import DEFAULT_SIZE, written
from bikd_core.data.source import DatasetUnavailable, Progress


class Pairs(Protocol):
    """What has a length, and at each place a picture and its label, as torch's datasets do."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


def open_dataset(
    splits: Pairs | Mapping[Split, Pairs],
    title: str,
    data_dir: Path,
    *,
    size: int = DEFAULT_SIZE,
    class_names: Sequence[str] = (),
    on_progress: Progress | None = None,
) -> str:
    """Return the name of the data set that a dataset in Python becomes; its cache is written.

    It is read twice, for its labels (unless it has `targets`) and for its pictures: it must give
    the same each time, so no random augmentation. A picture is a PIL image, an array [H, W] or
    [H, W, c], or a tensor [H, W] or [c, H, W], of whole numbers up to 255 or of floats from 0 to 1.
    Pictures of another form are left out by name.

    Args:
        splits: The dataset to train on; or one each for train, test and val, which are kept.
        title: What the data are called.
        data_dir: The data folder, whose folder `own` receives the cache.
        size: Height and width to which the pictures are resized, 8 to 64.
        class_names: Of labels that are numbers from 0; else those that the dataset calls `classes`,
            else the numbers.
        on_progress: Called with the pictures done and in all. If it raises, nothing is kept.

    Raises:
        ValueError: The size is not possible.
        DatasetUnavailable: A label is neither a number nor a text, or as `open_pictures`.
    """
    if size not in OWN_SIZES:
        raise ValueError(
            f"size = {size!r} is not possible: it must be a whole number from {OWN_SIZES[0]} to "
            f"{OWN_SIZES[-1]}."
        )
    by_split = dict(splits) if isinstance(splits, Mapping) else {SPLITS[0]: splits}
    if unknown := [name for name in by_split if name not in SPLITS]:
        raise ValueError(f"split = {unknown[0]!r} is not possible: it must be one of {SPLITS}.")
    names = list(class_names) or list(getattr(next(iter(by_split.values())), "classes", ()))
    found = Found(shown(title) or "the dataset", class_names=[shown(str(name)) for name in names])
    for split, pairs in by_split.items():
        width = len(str(len(pairs)))
        for row, label in enumerate(_labels(pairs)):
            name = f"{split}[{row:0{width}}]"
            found.add(name, _class_name(label, found.class_names, name), split, f"{split}:{row}")
    one_at_a_time = threading.Lock()  # a dataset that reads a file may not bear threads

    def read(key: str | int, size: int) -> Square:
        split, _, row = str(key).partition(":")
        with one_at_a_time:
            picture, _label = by_split[split][int(row)]
        return square_of_picture(picture, size)

    listing = Listing(found.place, "", lambda: found, read)  # its content alone tells what it is
    return written(listing, f"a dataset in Python: {found.place}", data_dir, size, on_progress)


def _labels(pairs: Pairs) -> Sequence[Any]:
    targets = getattr(pairs, "targets", None)
    if targets is not None and len(targets) == len(pairs):
        return list(targets)
    return [pairs[row][1] for row in range(len(pairs))]


def _class_name(label: Any, names: Sequence[str], picture: str) -> str:
    plain = label.item() if hasattr(label, "item") and getattr(label, "ndim", 1) == 0 else label
    if isinstance(plain, str):
        return shown(plain)
    if isinstance(plain, int) and not isinstance(plain, bool):
        if not names:
            return str(plain)
        if 0 <= plain < len(names):
            return names[plain]
        raise DatasetUnavailable(
            f"The label of {picture} is {plain}: there are {len(names)} class names, so it must be "
            f"0 to {len(names) - 1}."
        )
    raise DatasetUnavailable(
        f"The label of {picture} is {label!r:.60}: it must be a whole number or a text."
    )


def square_of_picture(picture: Any, size: int) -> Square:
    """Return one picture as [S, S, 3], from a PIL image, an array or a tensor.

    Raises:
        Unreadable: It is of another form.
    """
    if isinstance(picture, Image.Image):
        return square_of_image(picture, size)
    if hasattr(picture, "detach"):  # a tensor, channels first
        pixels = picture.detach().cpu().numpy()
        pixels = np.moveaxis(pixels, 0, -1) if pixels.ndim == 3 else pixels
    else:
        pixels = picture
    if not isinstance(pixels, np.ndarray):
        raise Unreadable(f"is {type(picture).__name__}, not a PIL image, an array or a tensor")
    return square_of_array(_whole(pixels), size)


def _whole(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return pixels as whole numbers.

    Raises:
        Unreadable: The shape is no picture's, or the values are not from 0 to 1, or to 255.
    """
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4)):
        raise Unreadable(f"has the shape {list(pixels.shape)}, which is no picture's")
    if pixels.dtype.kind == "f":
        if not ((pixels >= 0) & (pixels <= 1)).all():
            raise Unreadable("has floats outside 0 to 1: give it without normalisation")
        whole: NDArray[Any] = np.rint(pixels * 255).astype(np.uint8)
        return whole
    if pixels.dtype.kind in "iu" and pixels.dtype != np.uint16:
        if not ((pixels >= 0) & (pixels <= 255)).all():
            raise Unreadable("has whole numbers outside 0 to 255")
        return pixels.astype(np.uint8)
    if pixels.dtype not in (np.uint16, np.bool_):
        raise Unreadable(f"is of {pixels.dtype}")
    return pixels
