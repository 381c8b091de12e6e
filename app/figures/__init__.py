"""Pure functions from what a run yields to figures: plain Plotly dicts with title and texts.

Fractions come in, percent is drawn. Classes are sorted head to tail here and nowhere else.
"""

from app.figures.accuracy import accuracy_over_epochs, class_accuracy
from app.figures.beliefs import beliefs
from app.figures.class_biases import class_biases
from app.figures.class_shifts import class_shifts, shifts_over_epochs
from app.figures.confusion import confusion, confusion_difference
from app.figures.constant_weights import constant_means, constant_weight
from app.figures.counts import class_counts
from app.figures.drawing import Drawing
from app.figures.outer_loop import hypergradient_cosine, hypergradient_norm, outer_losses
from app.figures.over_time import weights_over_time
from app.figures.paired_accuracy import paired_accuracy
from app.figures.picture import picture_influence, picture_losses, picture_weights
from app.figures.pull import class_influence, class_pull
from app.figures.response_curve import response_curve
from app.figures.same_axes import on_same_axes
from app.figures.surface import response_surface
from app.figures.teacher import teacher_accuracy
from app.figures.weight_shares import half_weight, mean_factor, saturated_share
from app.figures.weights import mean_weights, weight_distribution

__all__ = [
    "Drawing",
    "accuracy_over_epochs",
    "beliefs",
    "class_accuracy",
    "class_biases",
    "class_counts",
    "class_influence",
    "class_pull",
    "class_shifts",
    "confusion",
    "confusion_difference",
    "constant_means",
    "constant_weight",
    "half_weight",
    "hypergradient_cosine",
    "hypergradient_norm",
    "mean_factor",
    "mean_weights",
    "on_same_axes",
    "outer_losses",
    "paired_accuracy",
    "picture_influence",
    "picture_losses",
    "picture_weights",
    "response_curve",
    "response_surface",
    "saturated_share",
    "shifts_over_epochs",
    "teacher_accuracy",
    "weight_distribution",
    "weights_over_time",
]
