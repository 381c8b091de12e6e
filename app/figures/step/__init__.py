"""One bilevel step under the lens, phase by phase: pure functions from a trace to figures."""

from app.figures.step.influence import NUM_EXTREMES, Extremes, answer, influence, order_of, window
from app.figures.step.losses import batch, outer_loss, outer_pull, pull
from app.figures.step.moment import QUESTIONS, Band, Step
from app.figures.step.weights import new_weights

__all__ = [
    "NUM_EXTREMES",
    "QUESTIONS",
    "Band",
    "Extremes",
    "Step",
    "answer",
    "batch",
    "influence",
    "new_weights",
    "order_of",
    "outer_loss",
    "outer_pull",
    "pull",
    "window",
]
