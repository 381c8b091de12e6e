"""Measures of a student's test logits and of an epoch's weights. Numpy only: the page uses it too.

N images, C classes in label order; counts are training images per class, fractions lie in [0, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bikd_core.config import WeightScale
from bikd_core.events import (
    RELATIVE_REACH,
    SATURATED_ABOVE,
    SATURATED_BELOW,
    SURFACE_AXIS,
    WEIGHT_BINS,
)

OUTER_SHARE = 0.33  # the share of classes in "many" and in "few"; the others are "medium"
CALIBRATION_BINS = 15
SATURATED_FROM = 0.9  # a larger share of saturated weights is too many
COLLAPSED_BELOW = 0.1  # a smaller share of the images that carries half of the weight is too few
ONE_BIN, LARGEST_BIN = 32, 20.0  # of relative weights: where weight 1 falls, the last bin's weight


class ShotGroups(NamedTuple):
    """Class labels of each group, most frequent class first."""

    many: tuple[int, ...]
    medium: tuple[int, ...]
    few: tuple[int, ...]


def head_to_tail(class_counts: tuple[float, ...]) -> tuple[int, ...]:
    """Return the labels of C classes by decreasing count; equal counts stay in label order."""
    return tuple(sorted(range(len(class_counts)), key=lambda label: -class_counts[label]))


def shot_groups(class_counts: tuple[float, ...]) -> ShotGroups:
    """Return many, medium and few: thirds of C classes by count, 33/34/33 %; 3/4/3 of ten.

    Raises:
        ValueError: There are fewer than three classes, so that a group would be empty.
    """
    if len(class_counts) < 3:
        raise ValueError(f"{len(class_counts)} classes cannot be split into many, medium and few.")
    order = head_to_tail(class_counts)
    size = round(OUTER_SHARE * len(order))
    return ShotGroups(order[:size], order[size:-size], order[-size:])


@dataclass(frozen=True)
class Evaluation:
    """The quality of logits as predictions of labels."""

    loss: float  # mean cross-entropy, nats
    accuracy_per_class: tuple[float, ...]  # NaN for a class without an image
    calibration_error: float
    confusion: NDArray[np.int32]  # [C, C]: rows true, columns predicted

    @property
    def accuracy(self) -> float:
        """The balanced accuracy: the mean over the classes that have an image."""
        return float(np.mean([share for share in self.accuracy_per_class if not math.isnan(share)]))

    def accuracy_of(self, labels: tuple[int, ...]) -> float:
        """Return the mean accuracy of some classes."""
        return float(np.mean([self.accuracy_per_class[label] for label in labels]))


def evaluate(logits: NDArray[Any], labels: NDArray[Any]) -> Evaluation:
    """Compare logits [N, C] with labels [N]; of infinite logits the loss is not a number."""
    wide = logits.astype(np.float64)
    predicted = logits.argmax(axis=1)
    num_classes = logits.shape[1]
    confusion = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    confusion = confusion.reshape(num_classes, num_classes)
    with np.errstate(invalid="ignore"):
        wide -= wide.max(axis=1, keepdims=True)
        log_p = wide - np.log(np.exp(wide).sum(axis=1, keepdims=True))
        per_class = confusion.diagonal() / confusion.sum(axis=1)
        calibration = calibration_error(np.exp(log_p.max(axis=1)), predicted == labels)
    return Evaluation(
        loss=float(-log_p[np.arange(len(labels)), labels].mean()),
        accuracy_per_class=tuple(per_class.tolist()),
        calibration_error=calibration,
        confusion=confusion.astype(np.int32),
    )


def accuracy_fields(test: Evaluation, class_counts: tuple[int, ...]) -> dict[str, Any]:
    """Return an evaluation on the test set as fields of an event; class_counts (C,) are D_tr's."""
    groups = shot_groups(class_counts)
    return {
        "test_loss": test.loss,
        "accuracy": test.accuracy,
        "accuracy_many": test.accuracy_of(groups.many),
        "accuracy_medium": test.accuracy_of(groups.medium),
        "accuracy_few": test.accuracy_of(groups.few),
        "accuracy_per_class": test.accuracy_per_class,
        "calibration_error": test.calibration_error,
    }


def calibration_error(confidence: NDArray[Any], is_correct: NDArray[Any]) -> float:
    """Return the expected calibration error over 15 equal bins of confidence; [N], [N] -> fraction.

    A bin includes its upper edge and excludes its lower one.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017,
        arXiv:1706.04599, equation 3.
    """
    edge = np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1
    bins = np.clip(edge, 0, CALIBRATION_BINS - 1)
    gap = np.bincount(bins, weights=is_correct - confidence, minlength=CALIBRATION_BINS)
    return float(np.abs(gap).sum() / len(confidence))


def bin_of(weights: NDArray[Any], scale: WeightScale) -> NDArray[np.int64]:
    """Return the histogram bin of each weight, 0 to `WEIGHT_BINS` - 1; any shape, the same shape.

    "sigmoid": equal bins over [0, 1]. "relative": bins on a log axis, bin k centred at
    20^((k - 32)/31), so that 1/20 is bin 1, 1 is bin 32 and 20 is bin 63; the first and the last
    also hold what lies beyond.
    """
    wide = weights.astype(np.float64)
    if scale == "sigmoid":
        position = wide * WEIGHT_BINS
    else:
        with np.errstate(divide="ignore"):  # a weight of 0 falls into the first bin
            position = ONE_BIN + (ONE_BIN - 1) * np.log(wide) / np.log(LARGEST_BIN) + 0.5
    return np.floor(np.clip(position, 0, WEIGHT_BINS - 1)).astype(np.int64)


def bin_centres(scale: WeightScale) -> NDArray[np.float64]:
    """Return the weight at the centre of each bin; [64]."""
    numbers = np.arange(WEIGHT_BINS)
    if scale == "sigmoid":
        return (numbers + 0.5) / WEIGHT_BINS
    return LARGEST_BIN ** ((numbers - ONE_BIN) / (ONE_BIN - 1))


def weight_histograms(
    weights: NDArray[Any], labels: NDArray[Any], num_classes: int, scale: WeightScale = "sigmoid"
) -> NDArray[np.int32]:
    """Count w_hard and w_soft of each class in the bins of `bin_of`.

    [N, 2], [N] -> [2, C, WEIGHT_BINS].
    """
    bins = bin_of(weights, scale)
    size = num_classes * WEIGHT_BINS
    counts = [np.bincount(labels * WEIGHT_BINS + bins[:, j], minlength=size) for j in (0, 1)]
    return np.stack(counts).reshape(2, num_classes, WEIGHT_BINS).astype(np.int32)


def mean_per_class(
    values: NDArray[Any], labels: NDArray[Any], num_classes: int
) -> tuple[float, ...]:
    """Return the mean of values [N] over the images of each class, given labels [N]; C numbers."""
    sums = np.bincount(labels, weights=values.astype(np.float64), minlength=num_classes)
    return tuple((sums / np.bincount(labels, minlength=num_classes)).tolist())


def known_mean_per_class(
    values: NDArray[Any], labels: NDArray[Any], num_classes: int
) -> tuple[float | None, ...]:
    """Return the mean of the values [N] that are not NaN in each class; None for one without."""
    known = ~np.isnan(values)
    sums = np.bincount(labels[known], values[known].astype(np.float64), num_classes)
    counts = np.bincount(labels[known], minlength=num_classes)
    pairs = zip(sums.tolist(), counts.tolist(), strict=True)
    return tuple(total / count if count else None for total, count in pairs)


def saturated_share(weights: NDArray[Any]) -> float:
    """Return the share of weights in (0, 1) [N, K] beyond the limits of saturation."""
    return float(((weights < SATURATED_BELOW) | (weights > SATURATED_ABOVE)).mean())


def saturated_share_of_relative(raw: NDArray[Any]) -> float:
    """Return the share of raw weights exp(R·tanh(o/R)) [N, K] with tanh(o/R) beyond ±0.95."""
    return float((np.abs(np.log(raw)) / RELATIVE_REACH > SATURATED_ABOVE).mean())


def half_weight_share(weights: NDArray[Any]) -> float:
    """Return the smallest share of N images that carries half of all weight; [N], at least 0.

    It is 1/2 for equal weights. No weight at all counts as equal weights.
    """
    carried = np.sort(weights.astype(np.float64))[::-1].cumsum()
    if carried[-1] <= 0:
        return 0.5
    return float(np.searchsorted(carried, carried[-1] / 2) + 1) / len(carried)


def surface_at(surface: NDArray[np.float64], losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the surface at each image, bilinear in the logarithms between grid points.

    [S, S] by teacher and student, [2, N] losses of student and teacher -> [N]. Beyond the ends
    of the grid the surface stays what it is there.
    """
    axis = np.log(SURFACE_AXIS)
    at = np.log(np.clip(losses, SURFACE_AXIS[0], SURFACE_AXIS[-1]))
    places = np.clip((at - axis[0]) / (axis[1] - axis[0]), 0, len(axis) - 1)
    below = np.minimum(places.astype(int), len(axis) - 2)
    (x, y), (column, row) = places - below, below
    low = (1 - x) * surface[row, column] + x * surface[row, column + 1]
    high = (1 - x) * surface[row + 1, column] + x * surface[row + 1, column + 1]
    result: NDArray[np.float64] = (1 - y) * low + y * high
    return result
