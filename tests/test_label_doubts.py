"""Which labels a run doubts."""

import numpy as np
import pytest

from bikd_core.label_doubts import MOST_EPOCHS, epochs_that_count, label_doubts


def test_a_label_is_doubted_where_weight_is_low_and_d_val_wants_less():
    weights = np.array([[0.2, 0.2, 0.9, 0.9], [0.4, 0.2, 0.8, 0.9]])
    influence = np.array([[1.0, -1.0, 1.0, -1.0], [2.0, -2.0, 1.0, 0.5]])
    found = label_doubts(weights, influence)
    assert found.is_doubted.tolist() == [True, False, False, False]
    assert found.weight == pytest.approx([0.3, 0.2, 0.85, 0.9])
    assert found.scores.argmax() == 0


def test_steps_without_a_hypergradient_say_nothing():
    influence = np.array([[np.nan, np.nan, 1.0], [3.0, np.nan, -2.0]])
    found = label_doubts(np.array([[0.1, 0.1, 0.9], [0.1, 0.1, 0.9]]), influence)
    assert found.influence[[0, 2]] == pytest.approx([3, -0.5])
    assert np.isnan(found.influence[1])
    assert found.is_doubted.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("last", "first", "count"), [(1, 1, 1), (2, 2, 1), (60, 41, 20), (900, 605, 60)]
)
def test_the_last_third_of_the_epochs_counts(last, first, count):
    found = epochs_that_count(last)
    assert (found[0], found[-1], len(found)) == (first, last, count)
    assert len(found) <= MOST_EPOCHS
