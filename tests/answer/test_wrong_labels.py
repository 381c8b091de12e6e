"""Whether weights know wrong labels, against scikit-learn and plain sums."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bikd_core.answer.wrong_labels import ranks, right_above_wrong
from bikd_core.events import Frame, Panel

N = 120


@pytest.fixture
def pictures():
    """Return scores, labels and which labels are wrong; label 3 has no wrong one."""
    draw = np.random.default_rng(0)
    labels = draw.integers(4, size=N)
    is_wrong = (draw.random(N) < 0.3) & (labels != 3)
    return draw.integers(6, size=N).astype(float) - is_wrong, labels, is_wrong


def test_right_above_wrong_is_the_area_under_the_curve_of_each_label_by_its_pairs(pictures):
    scores, labels, is_wrong = pictures
    areas, pairs = [], []
    for label in range(3):
        own = labels == label
        areas.append(roc_auc_score(~is_wrong[own], scores[own]))
        pairs.append(is_wrong[own].sum() * (~is_wrong[own]).sum())
    expected = np.average(areas, weights=pairs)
    assert right_above_wrong(scores, labels, is_wrong) == pytest.approx(expected)


def test_equal_scores_know_nothing_and_other_labels_do_not_count(pictures):
    _, labels, is_wrong = pictures
    assert right_above_wrong(labels.astype(float), labels, is_wrong) == 0.5
    assert np.isnan(right_above_wrong(np.zeros(N), labels, np.zeros(N, dtype=bool)))


def _frame(weights, ce_student, ce_teacher=None):
    return Frame(
        epoch=1,
        ce_student=np.asarray(ce_student, dtype=np.float32),
        confusion=np.zeros((2, 2), dtype=np.int32),
        ce_teacher=ce_teacher,
        weights=None if weights is None else np.asarray(weights, dtype=np.float16),
    )


def _panel(labels, true):
    return Panel(
        labels=np.array(labels, dtype=np.int16),
        original_indices=np.arange(len(labels), dtype=np.int32),
        true_labels=None if true is None else np.array(true, dtype=np.int16),
    )


def test_a_weight_that_halves_for_wrong_labels_is_told_beside_what_the_losses_know():
    panel = _panel([0, 0, 0, 1, 1], [0, 0, 1, 1, 0])
    weights = [[1, 2], [1, 1], [0.5, 2], [2, 1], [1, 0.5]]
    found = ranks(panel, _frame(weights, [0.1, 2, 1, 0.2, 0.3], np.float32([1, 1, 3, 2, 1])))
    assert found == pytest.approx(
        {
            "right_above_wrong_hard": 1.0,
            "right_above_wrong_soft": 0.5,  # one tie, one lost, one won
            "right_above_wrong_student": 2 / 3,
            "right_above_wrong_teacher": 2 / 3,
            "wrong_to_right_hard": 0.5,
            # label 0: 2 over the geometric mean of 2 and 1; label 1: a half; one wrong one each
            "wrong_to_right_soft": (2**0.5 * 0.5) ** 0.5,
        }
    )


def test_without_label_noise_or_without_weights_there_is_nothing_to_tell():
    assert not ranks(_panel([0, 1], None), _frame([[1, 1], [1, 1]], [0, 0]))
    assert not ranks(_panel([0, 1], [0, 0]), _frame(None, [0, 0]))
    assert not ranks(_panel([0, 1], [0, 1]), _frame([[1, 1], [1, 1]], [0, 0]))  # none is wrong
