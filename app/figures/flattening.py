"""Whether the weights have flattened: they told the classes apart earlier, and no longer do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.figures.classes import are_level
from app.figures.drawing import percent
from app.figures.weight_axis import WeightAxis
from bikd_core.config import WeightScale
from bikd_core.events import EpochDone, RunStarted

#: The distance between the highest and the lowest class mean that counts as flat, and the one that
#: it must have had: a difference of weights, or a ratio of relative ones.
_FLAT: dict[WeightScale, tuple[float, float]] = {"sigmoid": (0.03, 0.1), "relative": (1.1, 1.5)}
_LOSS_IS_GONE = 0.1  # of the first epoch's training loss
_RISE = 0.05  # of accuracy, that is worth a sentence


def read_flattening(
    epochs: Sequence[EpochDone], started: RunStarted, chosen: int, axis: WeightAxis
) -> str:
    """Return the sentences about weights that have flattened; "" if they have not.

    Args:
        epochs: From epoch 1 on, with weights.
        started: The class counts.
        chosen: The epoch looked at.
        axis: The scale of the weights.
    """
    until = epochs[:chosen]
    distances = _distances(np.array([epoch.w_hard_per_class for epoch in until]), axis.scale)
    widest, now = int(distances.argmax()), float(distances[-1])
    flat, apart = _FLAT[axis.scale]
    if now > flat or distances[widest] < apart:
        return ""
    unit = "× apart" if axis.scale == "relative" else " apart"
    words = (
        f" The weights have flattened: the classes' mean w_hard are {now:.2f}{unit} "
        f"({distances[widest]:.2f} at epoch {widest + 1})"
    )
    first, last = until[0].train_hard_loss, until[-1].train_hard_loss
    if last < _LOSS_IS_GONE * first:
        words += (
            f", since the training losses are almost gone ({last:.2g}, {first:.2g} at epoch 1) and "
            "the weight net's inputs hardly differ any more"
        )
    return f"{words}.{_read_gain(until[widest], until[-1], started)}"


def _distances(means: NDArray[np.float64], scale: WeightScale) -> NDArray[np.float64]:
    """Return how far the highest class mean is from the lowest: [E, C] -> [E]."""
    high, low = means.max(axis=1), means.min(axis=1)
    ratios = high / np.maximum(low, 1e-9)
    distances: NDArray[np.float64] = ratios if scale == "relative" else high - low
    return distances


def _read_gain(then: EpochDone, now: EpochDone, started: RunStarted) -> str:
    """Return how much accuracy rose since the weights were apart; "" if it did not."""
    name, before, after = "Few-shot", then.accuracy_few, now.accuracy_few
    if are_level(started.class_counts):
        name, before, after = "Balanced", then.accuracy, now.accuracy
    if after - before < _RISE:
        return ""
    return (
        f" {name} accuracy rose meanwhile from {percent(before)} to {percent(after)}, with weights "
        "that tell classes apart less and less."
    )
