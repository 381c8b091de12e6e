"""One bilevel step under the lens, phase by phase: pure functions from a trace to figures."""

from app.figures.step.influence import NUM_EXTREMES, Extremes, answer, influence, order_of, window
from app.figures.step.losses import batch, pull
from app.figures.step.new_weights import new_weights
from app.figures.step.outer_losses import outer_loss, outer_pull
from app.figures.step.recorded import recorded_step
from app.figures.step.step import PICTURES_A_ROW, Band, Step

__all__ = [
    "NUM_EXTREMES",
    "PICTURES_A_ROW",
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
    "recorded_step",
    "window",
]
