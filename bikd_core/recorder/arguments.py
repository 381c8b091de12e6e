"""What somebody's loop hands to the recorder: made an array and checked, where it comes in.

B batch, C classes, N images, J losses that are weighed, 1 or 2.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bikd_core.config import WeightScale
from bikd_core.config.own_loop import (
    MAX_CLASSES,
    MAX_IMAGES,
    TITLE_IN_WORDS,
    TITLE_PATTERN,
)

MAX_NAME_LENGTH = 200  # of a class
MAX_SIDE = 256  # pixels of a kept picture
_LARGEST = 6e4  # weights are kept in half precision

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


def as_array(name: str, values: Any) -> NDArray[Any]:
    """Return a tensor of any device, a list or an array as an array, of the same shape [N, …].

    Raises:
        ValueError: It holds no numbers.
    """
    if hasattr(values, "detach"):  # a torch tensor; this module imports no torch
        values = values.detach()
        if str(values.dtype) == "torch.bfloat16":  # numpy has no such type
            values = values.float()
        values = values.cpu().numpy()
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} is no array of numbers: {error}.") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} is of type {array.dtype}; it must hold numbers.")
    return array


def whole_numbers(name: str, values: Any, limit: int, what: str) -> Labels:
    """Return numbers from 0 to limit - 1, [N].

    Raises:
        ValueError: They have another shape or type, or one is out of range.
    """
    array = as_array(name, values)
    if array.ndim != 1 or not len(array):
        raise ValueError(
            f"{name} has the shape {array.shape}; it must be (n,), one for each image."
        )
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} is of type {array.dtype}; it must hold whole numbers.")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= limit:
        wrong = low if low < 0 else high
        raise ValueError(f"{name} holds {wrong}; it must hold 0 to {limit - 1}: {what}.")
    return array.astype(np.int64)


def labels_of_all_classes(name: str, values: Any, class_names: Sequence[str]) -> Labels:
    """Return labels, [N], of which each class has at least one.

    Raises:
        ValueError: As `whole_numbers`, or a class has none.
    """
    what = f"class_names has {len(class_names)} classes"
    labels = whole_numbers(name, values, len(class_names), what)
    counts = np.bincount(labels, minlength=len(class_names))
    if not counts.all():
        lacking = int(np.flatnonzero(counts == 0)[0])
        raise ValueError(
            f"{name} has no image of class {lacking} ({class_names[lacking]!r:.80}); each class of "
            "class_names must have one."
        )
    if len(labels) > MAX_IMAGES:
        raise ValueError(f"{name} has {len(labels):,} images; at most {MAX_IMAGES:,} are kept.")
    return labels


def checked_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the classes' names.

    Raises:
        ValueError: There are too few or too many, or one is no text, is empty, long or there twice.
    """
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ValueError("class_names must be a list of texts, one for each label from 0 on.")
    if not 3 <= len(names) <= MAX_CLASSES:
        raise ValueError(
            f"class_names has {len(names)} names; it must have 3 to {MAX_CLASSES:,}, since the "
            "views tell many, medium and few apart."
        )
    for label, name in enumerate(names):
        if not name.strip() or len(name) > MAX_NAME_LENGTH:
            raise ValueError(
                f"class_names[{label}] has {len(name.strip())} characters; a class needs a name "
                f"of 1 to {MAX_NAME_LENGTH}."
            )
        if names.index(name) < label:
            raise ValueError(
                f"class_names[{label}] is {name!r:.80} as class_names[{names.index(name)}] is; "
                "each class needs a name of its own."
            )
    return tuple(names)


def checked_title(name: str, title: str) -> str:
    """Return what the author calls the method or the data.

    Raises:
        ValueError: It holds other characters than the page shows safely, or is too long.
    """
    if not isinstance(title, str) or not re.fullmatch(TITLE_PATTERN, title):
        raise ValueError(f"{name} = {title!r:.80} is not possible: it must be {TITLE_IN_WORDS}.")
    return title


def finite(name: str, values: Any, shape: tuple[int, ...], where: str) -> Floats:
    """Return numbers of a shape that are all finite, in single precision; [N, …].

    Raises:
        ValueError: They have another shape, or one is not finite.
    """
    array = as_array(name, values)
    if array.shape != shape:
        raise ValueError(f"{name} has the shape {array.shape}; it must be {shape} {where}.")
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    is_bad = ~np.isfinite(array)
    if is_bad.any():
        first = tuple(int(index) for index in np.argwhere(is_bad)[0])
        raise ValueError(
            f"{name} holds {array[first]} at {list(first)} {where}; it must be finite numbers."
        )
    return array


def columns(name: str, values: Any, num_rows: int, num_columns: int | None, where: str) -> Floats:
    """Return one or two columns of finite numbers, [B, J], given as (B,) or (B, J).

    Raises:
        ValueError: They have another shape, or one is not finite.
    """
    array = as_array(name, values)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] not in (1, 2) or array.shape[0] != num_rows:
        raise ValueError(
            f"{name} has the shape {as_array(name, values).shape}; it must be ({num_rows},) or "
            f"({num_rows}, 2) {where}."
        )
    if num_columns is not None and array.shape[1] != num_columns:
        raise ValueError(
            f"{name} has {array.shape[1]} columns {where}; it must have {num_columns}, as the "
            "other arguments and the batches before."
        )
    return finite(name, array, (num_rows, array.shape[1]), where)


def checked_weights(weights: Floats, scale: WeightScale, where: str) -> Floats:
    """Return weights, [B, J], that the scale allows.

    Raises:
        ValueError: One is negative, or larger than the scale allows.
    """
    low, high = float(weights.min()), float(weights.max())
    most = 1.0 if scale == "sigmoid" else _LARGEST
    if low < 0:
        raise ValueError(f"weights holds {low:g} {where}; weights must not be negative.")
    if high > most:
        advice = '; Recorder(…, weight_scale="relative") takes multiples of 1' * (most == 1)
        raise ValueError(f"weights holds {high:g} {where}; it must hold 0 to {most:g}{advice}.")
    return weights


def checked_pictures(pictures: Any, num_images: int) -> NDArray[np.uint8]:
    """Return the training pictures, [N, H, W, channels].

    Raises:
        ValueError: They have another shape or type.
    """
    array = as_array("pictures", pictures)
    if array.ndim == 3:
        array = array[..., None]
    is_right = (
        array.ndim == 4
        and len(array) == num_images
        and array.shape[-1] in (1, 3)
        and max(array.shape[1:3]) <= MAX_SIDE
        and array.dtype == np.uint8
    )
    if not is_right:
        raise ValueError(
            f"pictures has the shape {array.shape} and the type {array.dtype}; it must be uint8 of "
            f"the shape ({num_images}, height, width, 1 or 3), with at most {MAX_SIDE} pixels a "
            "side, in the order of labels."
        )
    return array


def number_in(name: str, value: Any, low: float, high: float, where: str) -> float | None:
    """Return a number that may come as a tensor of one value; None stays None.

    Raises:
        ValueError: It is not finite, or out of range.
    """
    if value is None:
        return None
    array = as_array(name, value)
    number = float(array.reshape(-1)[0]) if array.size == 1 else float("nan")
    if not low <= number <= high:
        raise ValueError(
            f"{name} = {value!r:.80} is not possible {where}: it must be a number from {low:g} to "
            f"{high:g}."
        )
    return number


def torch_version() -> dict[str, str]:
    """Return torch's version by name, if the loop uses torch."""
    module = sys.modules.get("torch")
    return {} if module is None else {"torch": str(module.__version__)}
