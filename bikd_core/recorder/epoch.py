"""What follows from the batches of an epoch: the fields of its event, the arrays of its frame.

B batch, C classes, N images, J losses that are weighed, A length of `SURFACE_AXIS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bikd_core.config import WeightScale
from bikd_core.evaluation import (
    half_weight_share,
    known_mean_per_class,
    saturated_share,
    weight_histograms,
)
from bikd_core.events import SURFACE_AXIS
from bikd_core.recorder.arguments import Labels, checked_weights, columns

KINDS = ("hard", "soft")
WeightFunction = Callable[..., Any]


def weight_fields(
    arrays: dict[str, NDArray[Any]],
    is_new: NDArray[np.bool_],
    labels: Labels,
    num_classes: int,
    scale: WeightScale,
) -> dict[str, Any]:
    """Return the fields of `EpochDone` about weights; {} without weights.

    They are of the images that had a step; a class without one has the mean of what it had last.

    Args:
        arrays: Values (N, …) by name.
        is_new: (N,), which images had a step in this epoch.
        labels: (N,).
        num_classes: C.
        scale: The scale of the weights.
    """
    if "weights" not in arrays:
        return {}
    weights = arrays["weights"]
    new = weights[is_new]
    fields: dict[str, Any] = {
        "half_weight_share": tuple(half_weight_share(column) for column in new.T),
        "saturated_share": saturated_share(new) if scale == "sigmoid" else None,
    }
    for number in range(weights.shape[1]):
        column = weights[:, number]
        means = known_mean_per_class(np.where(is_new, column, np.nan), labels, num_classes)
        older = known_mean_per_class(column, labels, num_classes)
        fields[f"w_{KINDS[number]}_per_class"] = tuple(
            old if mean is None else mean for mean, old in zip(means, older, strict=True)
        )
        if "influence" in arrays:
            fields[f"influence_{KINDS[number]}_per_class"] = known_mean_per_class(
                arrays["influence"][:, number], labels, num_classes
            )
    return fields


def frame_arrays(
    arrays: dict[str, NDArray[Any]],
    is_new: NDArray[np.bool_],
    labels: Labels,
    num_classes: int,
    scale: WeightScale,
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a `Frame` by name, without confusion and surface.

    The arguments are those of `weight_fields`: (N, …), (N,), (N,).
    """
    apart = ("weights", "influence", "losses")
    frame = {name: array for name, array in arrays.items() if name not in apart}
    if "weights" in arrays:
        weights = _two_columns(arrays["weights"])
        frame["weights"] = weights.astype(np.float16)
        frame["histograms"] = weight_histograms(weights[is_new], labels[is_new], num_classes, scale)
        if "influence" in arrays:
            frame["influence"] = _two_columns(arrays["influence"]).astype(np.float32)
    return frame


def _two_columns(values: NDArray[Any]) -> NDArray[Any]:
    """Return (N, 2) of (N, J): without a second loss its column is 0."""
    return values if values.shape[1] == 2 else np.pad(values, ((0, 0), (0, 1)))


def mean_losses(arrays: dict[str, NDArray[Any]], is_new: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the training losses of an epoch as fields of `EpochDone`; (N, …) by name, (N,)."""
    losses = arrays["losses"][is_new].astype(np.float64)
    weighted = losses * arrays["weights"][is_new] if "weights" in arrays else losses
    return {
        "train_hard_loss": float(arrays["ce_student"][is_new].mean(dtype=np.float64)),
        "train_soft_loss": float(losses[:, 1].mean()) if losses.shape[1] == 2 else None,
        "train_weighted_loss": float(weighted.sum(axis=1).mean()),
    }


def surface_of(
    weight_function: WeightFunction, num_columns: int, scale: WeightScale, *, has_teacher: bool
) -> NDArray[np.float16]:
    """Return the weights that a function gives to each pair of losses; (2, A, A).

    The second axis is the teacher's cross-entropy, the third the student's.

    Args:
        weight_function: Cross-entropies of the student (n,), and of the teacher (n,) if there is
            one, both float32 tensors on the CPU, to weights (n,) or (n, J).
        num_columns: J.
        scale: The scale of the weights.
        has_teacher: Whether the function takes the teacher's losses too.

    Raises:
        ValueError: It returns another shape, or weights that the scale does not allow.
    """
    import torch

    axis = torch.tensor(SURFACE_AXIS, dtype=torch.float32)
    teacher, student = torch.meshgrid(axis, axis, indexing="ij")
    inputs = (student.flatten(), teacher.flatten())[: 2 if has_teacher else 1]
    with torch.no_grad():
        answer = weight_function(*inputs)
    size, where = len(SURFACE_AXIS), "for the surface"
    found = columns("weight_function", answer, size**2, num_columns, where)
    checked_weights(found, scale, "in weight_function's answer")
    surface = np.zeros((2, size, size), dtype=np.float16)
    surface[:num_columns] = found.T.reshape(num_columns, size, size)
    return surface


def unseen_warning(epoch: int, is_new: NDArray[np.bool_]) -> tuple[str, ...]:
    """Return a sentence if images had no step in an epoch; (N,) which ones had."""
    if is_new.all():
        return ()
    missing = int((~is_new).sum())
    have = "image" if missing == 1 else "images"
    return (
        f"{missing:,} of {len(is_new):,} training {have} had no step in epoch {epoch}: one by one "
        "they are shown as at their last step, or as the mean of their class before their first.",
    )
