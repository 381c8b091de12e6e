"""The weights of a method that has no weight net: the same for each picture, in every epoch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.figures.drawing import Drawing, Kind
from app.figures.weights import mean_weights, weight_distribution
from bikd_core.evaluation import bin_of
from bikd_core.events import WEIGHT_BINS, EpochDone, RunStarted

Constants = Mapping[Kind, float]  # the weight of each loss


def constant_weight(
    constants: Constants,
    epoch: EpochDone,
    started: RunStarted,
    kind: Kind,
    method: str,
    *,
    by_class: bool = True,
) -> Drawing:
    """Return the distribution of one loss's constant weight: every picture of a class at it.

    Args:
        constants: The weight of each loss.
        epoch: The epoch looked at.
        started: Names and counts of the classes.
        kind: Which loss.
        method: The method's name.
        by_class: As of `weight_distribution`.
    """
    drawing = weight_distribution(
        _histograms(constants, started), _with(constants, epoch), started, kind, by_class=by_class
    )
    sentence = (
        f"{method} learns no weights: each picture's w_{kind} is {constants[kind]:.2f}, in every "
        "epoch."
    )
    alt = f"The weight of the {kind} loss in each class. {sentence}"
    return drawing._replace(sentence=sentence, alt=alt)


def constant_means(
    constants: Constants,
    epochs: Sequence[EpochDone],
    started: RunStarted,
    chosen: int,
    planned: int,
    method: str,
) -> Drawing:
    """Return the lines of constant weights over the epochs; arguments as of `mean_weights`."""
    drawing = mean_weights([_with(constants, e) for e in epochs], started, chosen, planned)
    words = " and ".join(f"w_{kind} {weight:.2f}" for kind, weight in constants.items())
    sentence = f"It never moves: {method} gives each picture {words}, in every epoch."
    return drawing._replace(sentence=sentence, alt=f"Line chart of constant weights. {sentence}")


def _with(constants: Constants, epoch: EpochDone) -> EpochDone:
    """Return an epoch with these weights as its class means."""
    hard, soft = (
        (constants[kind],) * len(epoch.accuracy_per_class) if kind in constants else None
        for kind in ("hard", "soft")
    )
    return dataclasses.replace(epoch, w_hard_per_class=hard, w_soft_per_class=soft)


def _histograms(constants: Constants, started: RunStarted) -> NDArray[np.int64]:
    """Return every image of each class in the weight's bin, [2, C, 64]."""
    counts = np.zeros((2, len(started.class_counts), WEIGHT_BINS), dtype=np.int64)
    for row, kind in enumerate(("hard", "soft")):
        weight = constants.get("hard" if kind == "hard" else "soft")
        if weight is not None:
            counts[row, :, int(bin_of(np.array(weight), "sigmoid"))] = started.counts_as_labelled
    return counts
