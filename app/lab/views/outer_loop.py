"""The view "Outer loop": whether D_val, the hypergradient and the weights stay healthy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from app import figures
from app.figures.class_shifts import SHIFTS_OVER_EPOCHS_QUESTION, SHIFTS_QUESTION
from app.figures.drawing import Drawing, empty
from app.figures.outer_loop import COSINE_QUESTION, HEIGHT, NORM_QUESTION, OUTER_LOSSES_QUESTION
from app.figures.pull import CLASS_INFLUENCE_QUESTION, PULL_QUESTION
from app.figures.weight_shares import (
    HALF_WEIGHT_QUESTION,
    MEAN_FACTOR_QUESTION,
    SATURATED_QUESTION,
)
from app.lab.views.moment import Moment, unless_own_loop, why_no_weights
from app.lab.views.view import Figure, View
from bikd_core.events import EpochDone
from bikd_core.runs import StoreError

#: What gives a field of the epochs in a loop of somebody's own.
_CALLS = {
    "hypergradient_norm": "Recorder.end_epoch(…, hypergradient_norm=…)",
    "hypergradient_cosine": "Recorder.end_epoch(…, hypergradient_cosine=…)",
    "saturated_share": 'Recorder(…, weight_scale="sigmoid"), for weights from 0 to 1,',
}


def _outer_losses(moment: Moment) -> Drawing:
    snapshot = moment.snapshot
    if all(epoch.val_loss is None for epoch in snapshot.epochs):
        call = "Recorder.end_epoch(…, val_loss=…)"
        why = "No epoch has a loss on D_val."
        return empty(OUTER_LOSSES_QUESTION, unless_own_loop(snapshot, call, why), HEIGHT)
    return figures.outer_losses(snapshot.epochs, snapshot.controls, moment.chosen, moment.planned)


def _with_weight_net(
    moment: Moment,
    question: str,
    draw: Callable[[Sequence[EpochDone], int, int], Drawing],
    field: str,
) -> Drawing:
    """Draw a figure over the epochs that only a method with a weight net has."""
    if not moment.has_weights:
        return empty(question, why_no_weights(moment.snapshot), HEIGHT)
    if moment.snapshot.config.is_recorded_elsewhere and not _has(moment, field):
        why = unless_own_loop(moment.snapshot, _CALLS[field], "")
        return empty(question, why, HEIGHT)
    return draw(moment.snapshot.epochs, moment.chosen, moment.planned)


def _saturated(moment: Moment) -> Drawing:
    return _with_weight_net(
        moment,
        SATURATED_QUESTION,
        partial(figures.saturated_share, scale=moment.scale),
        "saturated_share",
    )


def _figure(
    name: str, question: str, draw: Callable[[Sequence[EpochDone], int, int], Drawing]
) -> Figure:
    return Figure(
        name, question, partial(_with_weight_net, question=question, draw=draw, field=name)
    )


# Figures that only some runs have ----------------------------------------------------------------


def _mean_factor(moment: Moment) -> Drawing:
    return figures.mean_factor(
        moment.snapshot.epochs, moment.started, moment.chosen, moment.planned, moment.scale
    )


def _half_weight(moment: Moment) -> Drawing:
    return figures.half_weight(moment.snapshot.epochs, moment.chosen, moment.planned, moment.scale)


def _class_influence(moment: Moment) -> Drawing:
    return figures.class_influence(moment.epoch, moment.started, _num_without_influence(moment))


def _num_without_influence(moment: Moment) -> int:
    """Return how many of the epoch's images have none; 0 if its frame cannot be read."""
    try:
        influence = moment.snapshot.folder.frame_arrays(moment.chosen, "influence")["influence"]
    except StoreError:
        return 0
    return 0 if influence is None else int(np.isnan(influence[:, 0]).sum())


def _class_shifts(moment: Moment) -> Drawing:
    return figures.class_shifts(moment.snapshot.epochs, moment.started, moment.chosen)


def _shifts_over_epochs(moment: Moment) -> Drawing:
    return figures.shifts_over_epochs(
        moment.snapshot.epochs, moment.started, moment.chosen, moment.planned
    )


def _has(moment: Moment, *fields: str) -> bool:
    """Return whether some epoch of the run has one of these fields."""
    epochs = moment.snapshot.epochs
    return any(getattr(epoch, field) is not None for epoch in epochs for field in fields)


OUTER_LOSSES = Figure("outer_losses", OUTER_LOSSES_QUESTION, _outer_losses)
NORM = _figure("hypergradient_norm", NORM_QUESTION, figures.hypergradient_norm)
COSINE = _figure("hypergradient_cosine", COSINE_QUESTION, figures.hypergradient_cosine)
SATURATED = Figure("saturated_share", SATURATED_QUESTION, _saturated)
MEAN_FACTOR = Figure(
    "mean_factor",
    MEAN_FACTOR_QUESTION,
    _mean_factor,
    is_worth_drawing=lambda moment: moment.has_weights,
)
HALF_WEIGHT = Figure(
    "half_weight",
    HALF_WEIGHT_QUESTION,
    _half_weight,
    is_worth_drawing=lambda moment: _has(moment, "half_weight_share"),
)
PULL = Figure(
    "class_pull",
    PULL_QUESTION,
    lambda moment: figures.class_pull(moment.epoch, moment.started),
    is_worth_drawing=lambda moment: _has(moment, "pull_hard_per_class", "pull_soft_per_class"),
)
CLASS_INFLUENCE = Figure(
    "class_influence",
    CLASS_INFLUENCE_QUESTION,
    _class_influence,
    is_worth_drawing=lambda moment: _has(moment, "influence_hard_per_class"),
)
SHIFTS, SHIFTS_OVER_EPOCHS = (
    Figure(
        name,
        question,
        draw,
        is_worth_drawing=lambda moment: _has(moment, "shift_hard_per_class"),
    )
    for name, question, draw in (
        ("class_shifts", SHIFTS_QUESTION, _class_shifts),
        ("shifts_over_epochs", SHIFTS_OVER_EPOCHS_QUESTION, _shifts_over_epochs),
    )
)

VIEW = View(
    "Outer loop",
    "Does the outer loop stay healthy?",
    (
        (OUTER_LOSSES, NORM),
        (COSINE, SATURATED),
        (MEAN_FACTOR, HALF_WEIGHT),
        (PULL, CLASS_INFLUENCE),
        (SHIFTS, SHIFTS_OVER_EPOCHS),
    ),
)
