"""The view "Outer loop": whether D_val, the hypergradient and the weights stay healthy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from app import figures
from app.figures.drawing import Drawing, empty
from app.figures.outer_loop import (
    COSINE_QUESTION,
    HEIGHT,
    NORM_QUESTION,
    OUTER_LOSSES_QUESTION,
    SATURATED_QUESTION,
)
from app.lab.views.moment import Moment, why_no_weights
from app.lab.views.view import Figure, View
from bikd_core.events import EpochDone


def _outer_losses(moment: Moment) -> Drawing:
    snapshot = moment.snapshot
    return figures.outer_losses(snapshot.epochs, snapshot.controls, moment.chosen, moment.planned)


def _with_weight_net(
    moment: Moment, question: str, draw: Callable[[Sequence[EpochDone], int, int], Drawing]
) -> Drawing:
    """Draw a figure over the epochs that only a method with a weight net has."""
    if not moment.has_weights:
        return empty(question, why_no_weights(moment.snapshot), HEIGHT)
    return draw(moment.snapshot.epochs, moment.chosen, moment.planned)


def _figure(
    name: str, question: str, draw: Callable[[Sequence[EpochDone], int, int], Drawing]
) -> Figure:
    return Figure(name, question, partial(_with_weight_net, question=question, draw=draw))


OUTER_LOSSES = Figure("outer_losses", OUTER_LOSSES_QUESTION, _outer_losses)
NORM = _figure("hypergradient_norm", NORM_QUESTION, figures.hypergradient_norm)
COSINE = _figure("hypergradient_cosine", COSINE_QUESTION, figures.hypergradient_cosine)
SATURATED = _figure("saturated_share", SATURATED_QUESTION, figures.saturated_share)

VIEW = View(
    "Outer loop",
    "Does the outer loop stay healthy?",
    ((OUTER_LOSSES, NORM), (COSINE, SATURATED)),
)
