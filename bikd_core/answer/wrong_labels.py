"""Whether the weights of a run know which of its training labels are wrong.

N training pictures, in the panel's order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from bikd_core.events import Frame, Panel


def ranks(panel: Panel, frame: Frame) -> dict[str, float]:
    """Return how right labels rank above wrong ones in a run's last weights; {} without either.

    `right_above_wrong_X` is the share of pairs, of a picture whose label is right and one with the
    same label whose label is wrong, in which the first has the larger X: 0.5 knows nothing, 1 all.
    X is the `hard` or `soft` weight, `teacher` the belief of the teacher in the label (out of
    fold, so it is what trust in labels follows), `student` that of the student. `wrong_to_right_X`
    is the weight of the wrong ones over that of the right ones, geometric means within a label.

    Args:
        panel: With the true labels, (N,), where label noise was planted.
        frame: Of the last epoch; its weights are (N, 2), multiples of the objective's own.
    """
    is_wrong = panel.is_wrong
    if is_wrong is None or frame.weights is None:
        return {}
    labels, found = np.asarray(panel.labels), {}
    scores: Mapping[str, NDArray[np.floating]] = {
        "hard": frame.weights[:, 0],
        "soft": frame.weights[:, 1],
        "student": -frame.ce_student,
        **({} if frame.ce_teacher is None else {"teacher": -frame.ce_teacher}),
    }
    for name, score in scores.items():
        found[f"right_above_wrong_{name}"] = right_above_wrong(
            score.astype(np.float64), labels, is_wrong
        )
    for name, column in zip(("hard", "soft"), frame.weights.T.astype(np.float64), strict=True):
        found[f"wrong_to_right_{name}"] = _wrong_to_right(column, labels, is_wrong)
    return {name: value for name, value in found.items() if np.isfinite(value)}


def right_above_wrong(
    scores: NDArray[np.float64], labels: NDArray[np.integer], is_wrong: NDArray[np.bool_]
) -> float:
    """Return the share of right-wrong pairs within a label in which the right one scores higher.

    The area under the ROC curve, over the pairs of all labels together; ties count half. NaN if no
    label has both.

    Args:
        scores: (N,).
        labels: As given, (N,).
        is_wrong: (N,).
    """
    won = num_pairs = 0.0
    for right, wrong in _right_and_wrong(scores, labels, is_wrong):
        difference = right[:, None] - wrong[None, :]
        won += (difference > 0).sum() + (difference == 0).sum() / 2
        num_pairs += difference.size
    return won / num_pairs if num_pairs else float("nan")


def logs_of(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of weights, (N,); float16 has none below 1e-4 worth telling."""
    return np.asarray(np.log(np.maximum(weights, 1e-4)))


def _wrong_to_right(
    weights: NDArray[np.float64], labels: NDArray[np.integer], is_wrong: NDArray[np.bool_]
) -> float:
    sides = list(_right_and_wrong(logs_of(weights), labels, is_wrong))
    if not sides:
        return float("nan")
    differences = [wrong.mean() - right.mean() for right, wrong in sides]
    return float(np.exp(np.average(differences, weights=[len(wrong) for _, wrong in sides])))


def _right_and_wrong(
    values: NDArray[np.float64], labels: NDArray[np.integer], is_wrong: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield the values of right and of wrong pictures for each label that has both."""
    for label in np.unique(labels):
        right, wrong = (values[(labels == label) & (is_wrong == side)] for side in (False, True))
        if len(right) and len(wrong):
            yield right, wrong
