import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from bikd_core.evaluation import (
    bin_centres,
    bin_of,
    calibration_error,
    evaluate,
    half_weight_share,
    head_to_tail,
    known_mean_per_class,
    mean_per_class,
    saturated_share,
    saturated_share_of_relative,
    shot_groups,
    weight_histograms,
)


@pytest.fixture
def case():
    draw = np.random.default_rng(0)
    return draw.normal(0, 3, (300, 6)).astype(np.float32), np.arange(300) % 6


@pytest.mark.slow
def test_evaluation_agrees_with_scikit_learn(case):
    from sklearn.metrics import balanced_accuracy_score, confusion_matrix, log_loss

    logits, labels = case
    found = evaluate(logits, labels)
    predicted = logits.argmax(axis=1)
    assert found.loss == pytest.approx(log_loss(labels, softmax(logits.astype(float), axis=1)))
    assert found.accuracy == pytest.approx(balanced_accuracy_score(labels, predicted))
    np.testing.assert_array_equal(found.confusion, confusion_matrix(labels, predicted))
    assert found.accuracy_of((0, 5)) == pytest.approx(
        (found.accuracy_per_class[0] + found.accuracy_per_class[5]) / 2
    )


def test_a_class_without_an_image_has_no_accuracy_and_no_part_in_the_mean():
    logits = 5 * np.eye(4, dtype=np.float32)[[0, 1, 1, 3]]
    found = evaluate(logits, np.array([0, 1, 3, 3]))
    assert found.accuracy_per_class[:2] == (1.0, 1.0)
    assert np.isnan(found.accuracy_per_class[2])
    assert found.accuracy_per_class[3] == 0.5
    assert found.accuracy == pytest.approx(2.5 / 3)


def test_balanced_accuracy_weighs_classes_not_images():
    logits = np.eye(3)[[0, 0, 0, 0, 1, 0]]  # the last image, of class 2, is taken for class 0
    found = evaluate(logits, np.array([0, 0, 0, 0, 1, 2]))
    assert found.accuracy_per_class == (1.0, 1.0, 0.0)
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.accuracy_of((1, 2)) == pytest.approx(1 / 2)
    assert found.confusion.tolist() == [[4, 0, 0], [0, 1, 0], [1, 0, 0]]


def test_loss_survives_huge_logits():
    logits = np.array([[1e4, 0.0], [1e4, 0.0]], dtype=np.float32)
    assert evaluate(logits, np.array([0, 1])).loss == pytest.approx(5e3)


@pytest.mark.parametrize("score", [np.inf, -np.inf, np.nan])
def test_of_scores_that_are_no_numbers_the_loss_is_none_and_nothing_warns(score):
    logits = np.zeros((3, 2), np.float32)
    logits[1] = score
    assert np.isnan(evaluate(logits, np.array([0, 1, 1])).loss)


def test_calibration_error_by_hand():
    # Two bins are met: (0.6, 0.667] with accuracy 1/2, (0.933, 1] with accuracy 1.
    confidence = np.array([0.65, 0.65, 0.95, 0.95])
    is_correct = np.array([True, False, True, True])
    assert calibration_error(confidence, is_correct) == pytest.approx((0.3 + 0.1) / 4)


def test_calibration_error_is_that_of_a_loop_over_the_bins(case):
    logits, labels = case
    confidence = np.exp(log_softmax(logits.astype(float), axis=1).max(axis=1))
    is_correct = logits.argmax(axis=1) == labels
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            gap = is_correct[inside].mean() - confidence[inside].mean()
            expected += inside.mean() * abs(gap)
    assert evaluate(logits, labels).calibration_error == pytest.approx(expected)


@pytest.mark.parametrize(
    ("num_classes", "sizes"), [(3, (1, 1, 1)), (10, (3, 4, 3)), (100, (33, 34, 33))]
)
def test_groups_are_thirds_of_the_classes(num_classes, sizes):
    counts = tuple(range(1, num_classes + 1))  # label 0 is the rarest
    groups = shot_groups(counts)
    assert tuple(map(len, groups)) == sizes
    assert groups.many[0] == num_classes - 1
    assert groups.few[-1] == 0
    assert sorted(sum(groups, ())) == list(range(num_classes))


def test_equal_counts_keep_label_order():
    assert head_to_tail((5, 9, 5, 9)) == (1, 3, 0, 2)


def test_two_classes_have_no_groups():
    with pytest.raises(ValueError, match="2 classes"):
        shot_groups((10, 1))


def test_histograms_count_every_image_of_a_class_once():
    draw = np.random.default_rng(1)
    weights, labels = draw.random((50, 2)), draw.integers(0, 4, 50)
    weights[0] = (0.0, 1.0)
    found = weight_histograms(weights, labels, 4)
    assert found.shape == (2, 4, 64)
    np.testing.assert_array_equal(found.sum(axis=2), [np.bincount(labels, minlength=4)] * 2)
    for column in (0, 1):
        for label in range(4):
            expected = np.histogram(weights[labels == label, column], bins=64, range=(0, 1))[0]
            np.testing.assert_array_equal(found[column, label], expected)


def test_means_per_class_and_saturation_by_hand():
    labels = np.array([0, 0, 1])
    assert mean_per_class(np.array([0.2, 0.4, 0.9]), labels, 2) == pytest.approx((0.3, 0.9))
    weights = np.array([[0.01, 0.5], [0.96, 0.05], [0.95, 0.99]])
    assert saturated_share(weights) == pytest.approx(3 / 6)


@pytest.mark.parametrize(
    ("weight", "number"),
    [(0, 0), (1 / 55, 0), (1 / 22, 0), (1 / 20, 1), (0.999, 32), (1, 32), (1.001, 32), (20, 63)],
)
def test_relative_weights_fall_into_bins_on_a_log_axis(weight, number):
    assert bin_of(np.array(weight), "relative") == number


def test_beyond_the_outer_bins_is_in_them():
    assert bin_of(np.array([[1e-4, 55.0], [1e6, 0.0]]), "relative").tolist() == [[0, 63], [63, 0]]
    assert bin_of(np.array([-0.1, 0.0, 0.5, 1.0, 1.1]), "sigmoid").tolist() == [0, 0, 32, 63, 63]


@pytest.mark.parametrize("scale", ["sigmoid", "relative"])
def test_the_centre_of_each_bin_lies_in_it(scale):
    centres = bin_centres(scale)
    assert centres.shape == (64,)
    assert bin_of(centres, scale).tolist() == list(range(64))


def test_centres_by_hand():
    assert bin_centres("sigmoid")[[0, 63]] == pytest.approx([0.5 / 64, 63.5 / 64])
    relative = bin_centres("relative")
    assert relative[[1, 32, 63]] == pytest.approx([1 / 20, 1, 20])
    assert relative[33] / relative[32] == pytest.approx(20 ** (1 / 31))  # equal steps in the log


def test_histograms_of_relative_weights_count_each_column_by_class():
    weights = np.array([[1.0, 20.0], [1.0, 0.0], [0.05, 1.0], [100.0, 1.0]])
    found = weight_histograms(weights, np.array([0, 0, 1, 1]), 2, "relative")
    expected = np.zeros((2, 2, 64), int)
    expected[0, 0, 32] = 2
    expected[0, 1, [1, 63]] = 1
    expected[1, 0, [0, 63]] = 1
    expected[1, 1, 32] = 2
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("weights", "share"),
    [
        ([1, 1, 1, 1], 0.5),
        ([3, 1, 1, 1], 0.25),  # 3 of 6
        ([2, 2, 1, 1, 0, 0, 0, 0], 0.25),  # 4 of 6 by two, 2 of 6 by one
        ([0, 0, 0, 9], 0.25),
        ([0, 0], 0.5),
        ([5], 1.0),
    ],
)
def test_the_fewest_images_with_half_of_the_weight(weights, share):
    assert half_weight_share(np.array(weights, float)) == share
    assert half_weight_share(np.array(weights[::-1], float)) == share


def test_means_leave_out_images_without_a_value():
    values, labels = np.array([1.0, np.nan, 4.0, np.nan]), np.array([0, 0, 1, 2])
    assert known_mean_per_class(values, labels, 4) == (1.0, 4.0, None, None)


def test_relative_weights_are_saturated_near_the_most_and_the_least_that_a_net_gives():
    raw = np.exp(3 * np.array([[0.96, 0.94], [-0.96, 0.0]]))
    assert saturated_share_of_relative(raw) == 0.5
