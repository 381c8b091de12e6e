"""Calibration by class biases: C biases and one temperature fitted to a balanced set's labels.

Predictions are made from z/T + b instead of z. The cross-entropy is convex in 1/T and b, so the fit
has one answer: Newton's method in float64 finds it, without chance and whatever the order of the
images. M images, C classes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bikd_core.evaluation import Evaluation, evaluate

TOLERANCE = 1e-9  # the largest component of the gradient, nats, at which a fit has converged
TEMPERATURES = (0.05, 20.0)  # a fitted temperature stays within these
NUM_FOLDS = 5  # of the cross-fitted score
_MAX_STEPS = 200
_LEAST_DAMPED, _MOST_DAMPED = 1e-6, 1e6  # what is added to the Hessian's diagonal
_RIDGE = 1e-12  # the same, always

Floats = NDArray[np.float64]


class ClassBiases(NamedTuple):
    """Class biases and a temperature, as fitted."""

    biases: Floats  # (C,), nats; their sum is 0
    temperature: float
    caution: str = ""  # one sentence where the temperature has no optimum within its range

    def apply(self, logits: NDArray[Any]) -> Floats:
        """Return the logits that calibrated predictions are made from; (M, C) -> (M, C)."""
        calibrated: Floats = logits.astype(np.float64) / self.temperature + self.biases
        return calibrated


def fit_class_biases(logits: NDArray[Any], labels: NDArray[Any]) -> ClassBiases:
    """Fit C biases and a temperature to the mean cross-entropy of logits/T + biases.

    Where the images can be told apart without an error, the loss falls for ever as T goes to 0:
    T then stays at 1 and the biases alone are fitted. The bias of a class without an image falls
    for ever too; it stops where the class is hardly ever predicted.

    Args:
        logits: (M, C), what predictions are made from.
        labels: (M,), integers.
    """
    wide = logits.astype(np.float64)
    wide -= wide.mean(axis=1, keepdims=True)  # changes no prediction; large offsets lose digits
    unit = float(np.sqrt((wide**2).mean())) or 1.0
    scale, biases = _minimise(wide / unit, labels)
    scale /= unit
    coldest, hottest = TEMPERATURES
    caution = ""
    if scale > 0 and (_lead(scale * wide + biases, labels) > 0).all():
        scale = 1.0
        caution = (
            "The biases and the temperature classify all of these images correctly, so that the "
            "loss falls for ever with the temperature: it stays at 1."
        )
    elif not 1 / hottest <= scale <= 1 / coldest:
        scale = float(np.clip(scale, 1 / hottest, 1 / coldest))
        caution = f"The temperature is held at {1 / scale:g}, the end of its range."
    if caution:
        _, biases = _minimise(wide, labels, scale)
    return ClassBiases(biases - biases.mean(), 1 / scale, caution)


def cross_fitted(logits: NDArray[Any], labels: NDArray[Any]) -> Evaluation | None:
    """Return how good class biases are on the images themselves, by five-fold cross-fitting.

    The biases for each fold are fitted to the others. A fold takes every fifth image of each class,
    in their order, so nothing is drawn. With fewer than five images in a class there are as many
    folds as it has images; with a single one, or none, there is no score.

    Args:
        logits: (M, C), what predictions are made from.
        labels: (M,), integers.

    Returns:
        The evaluation of all M images, or None.
    """
    num_folds = min(NUM_FOLDS, int(np.bincount(labels, minlength=logits.shape[1]).min()))
    if num_folds < 2:
        return None
    folds = np.empty(len(labels), dtype=np.int64)
    for label in range(logits.shape[1]):
        members = np.flatnonzero(labels == label)
        folds[members] = np.arange(len(members)) % num_folds
    calibrated = np.empty(logits.shape)
    for fold in range(num_folds):
        own = folds == fold
        calibrated[own] = fit_class_biases(logits[~own], labels[~own]).apply(logits[own])
    return evaluate(calibrated, labels)


def _lead(logits: Floats, labels: NDArray[Any]) -> Floats:
    """Return by how much each image's own logit leads the largest other one; (M, C) -> (M,)."""
    others = logits.copy()
    rows = np.arange(len(labels))
    others[rows, labels] = -np.inf
    lead: Floats = logits[rows, labels] - others.max(axis=1)
    return lead


def _minimise(
    logits: Floats, labels: NDArray[Any], scale: float | None = None
) -> tuple[float, Floats]:
    """Return scale and biases (C,) at the least mean cross-entropy of scale · logits + biases.

    Newton's method; a step that does not lower the loss is damped until it does (Levenberg).

    Args:
        logits: (M, C).
        labels: (M,).
        scale: Held at this value; None: fitted.
    """
    num_images, num_classes = logits.shape
    rows = np.arange(num_images)
    point = np.zeros(1 + num_classes)  # no class preferred: from there no step is flat
    point[0] = scale or 0.0
    loss, damping = _loss(point, logits, labels), 0.0
    for _ in range(_MAX_STEPS):
        probabilities = np.exp(_log_probabilities(point, logits))
        residual = probabilities.copy()
        residual[rows, labels] -= 1
        gradient = np.concatenate([[(residual * logits).sum()], residual.sum(axis=0)]) / num_images
        hessian = _hessian(probabilities, logits)
        if scale is not None:
            gradient[0] = hessian[0, 1:] = hessian[1:, 0] = 0.0
        if np.abs(gradient).max() <= TOLERANCE:
            break
        trial = np.inf
        while trial >= loss and damping <= _MOST_DAMPED:
            step = np.linalg.solve(hessian + damping * np.eye(len(point)), -gradient)
            trial = _loss(point + step, logits, labels)
            damping = damping / 10 if trial < loss else max(10 * damping, _LEAST_DAMPED)
        if trial >= loss:
            break  # rounding: no shorter step lowers the loss either
        point, loss = point + step, trial
    return float(point[0]), point[1:]


def _log_probabilities(point: Floats, logits: Floats) -> Floats:
    scores = point[0] * logits + point[1:]
    scores -= scores.max(axis=1, keepdims=True)
    log_p: Floats = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return log_p


def _loss(point: Floats, logits: Floats, labels: NDArray[Any]) -> float:
    return float(-_log_probabilities(point, logits)[np.arange(len(labels)), labels].mean())


def _hessian(probabilities: Floats, logits: Floats) -> Floats:
    """Return the Hessian in (scale, biases), made invertible; (M, C), (M, C) -> (C+1, C+1).

    A constant added to all biases changes nothing: the Hessian gets 1 in that direction, in which
    the gradient is 0, so the sum of the biases stays 0.
    """
    num_images, num_classes = logits.shape
    spread = logits - (probabilities * logits).sum(axis=1, keepdims=True)
    weighted = probabilities * spread
    hessian = np.empty((num_classes + 1, num_classes + 1))
    hessian[0, 0] = (weighted * logits).sum() / num_images
    hessian[0, 1:] = hessian[1:, 0] = weighted.sum(axis=0) / num_images
    hessian[1:, 1:] = np.diag(probabilities.mean(axis=0)) + 1 / num_classes
    hessian[1:, 1:] -= probabilities.T @ probabilities / num_images
    hessian[np.diag_indices_from(hessian)] += _RIDGE
    return hessian
