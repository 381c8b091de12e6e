"""Gains on the test set: means by hand, intervals beside their normal approximation."""

import numpy as np
import pytest

from bikd_core.recommend.gains import GROUPS, accuracies, bootstrap, gains
from bikd_core.recommend.predictions import Correctness
from bikd_core.recommend.record import Chosen, Group, Record
from bikd_core.recommend.words import sentence

COUNTS = (50, 20, 5)  # many, medium, few: one class each
LABELS = np.repeat(np.arange(3), 200)


def of(*shares, seed=0):
    """Which of 200 pictures of each class are right, by shares."""
    drawn = np.random.default_rng(seed).random(600)
    return Correctness(drawn < np.repeat(shares, 200), LABELS, COUNTS)


def test_means_are_those_of_the_classes():
    own = Correctness(np.repeat([True, True, False], 200), LABELS, COUNTS)
    other = Correctness(np.repeat([True, False, True], 200), LABELS, COUNTS)
    found = gains([own], [other])
    assert {name: found[name].mean for name in GROUPS} == pytest.approx(
        {"balanced": 0.0, "many": 0.0, "medium": 1.0, "few": -1.0}
    )
    assert accuracies([own, other])["balanced"] == pytest.approx(2 / 3)
    assert accuracies([own, other])["medium"] == pytest.approx(1 / 2)


def test_unequal_classes_count_alike():
    labels = np.array([0] * 90 + [1] * 9 + [2])
    difference = np.where(labels == 0, 1.0, 0.0)[None]
    assert bootstrap(difference, labels, COUNTS)["balanced"].mean == pytest.approx(1 / 3)


def test_the_interval_of_one_seed_is_that_of_the_paired_differences():
    own, other = of(0.9, 0.7, 0.6), of(0.8, 0.7, 0.3, seed=1)
    found = gains([own], [other])
    difference = own.is_correct.astype(float) - other.is_correct
    by_class = difference.reshape(3, 200)
    errors = by_class.std(axis=1) / np.sqrt(200)
    few = found["few"]
    assert few.mean == pytest.approx(by_class[2].mean())
    assert few.high - few.low == pytest.approx(2 * 1.96 * errors[2], rel=0.08)
    balanced = found["balanced"]
    expected = np.sqrt((errors**2).sum()) / 3
    assert balanced.high - balanced.low == pytest.approx(2 * 1.96 * expected, rel=0.08)
    assert balanced.detectable == pytest.approx(2.8 * expected, rel=0.06)
    assert few.is_shown
    assert not gains([other], [of(0.8, 0.7, 0.3, seed=2)])["balanced"].is_shown


def test_pictures_are_paired_so_what_both_get_wrong_adds_no_spread():
    hard = of(0.5, 0.5, 0.5)
    same = gains([hard], [hard])["balanced"]
    assert (same.mean, same.low, same.high, same.detectable) == (0, 0, 0, 0)


def test_seeds_that_differ_widen_the_interval():
    right, wrong = of(1.0, 1.0, 1.0), of(0.0, 0.0, 0.0)
    half = of(0.5, 0.5, 0.5)
    wide = gains([right, wrong, half], [half, half, half])["balanced"]
    assert wide.high - wide.low > 0.5


def record_with(low, high):
    one = Group(
        chosen=0.75, reference=0.7, gain=(low + high) / 2, low=low, high=high, detectable=0.034
    )
    kd, other = (
        Chosen(
            recipe=name, title=name, calibration="none", entry=name, val_accuracy=0.7, val_loss=1
        )
        for name in ("kd", "ltkd")
    )
    return Record(
        recommendation="digits",
        controls={},
        minutes=30,
        chosen=other,
        reference=kd,
        ranking=(other, kd.model_copy(update={"val_accuracy": 0.65})),
        num_val=100,
        num_test=600,
        groups=dict.fromkeys(GROUPS, one),
        cost=1.25,
    )


def test_a_difference_that_is_not_shown_is_not_claimed():
    said = sentence(record_with(-0.01, 0.06))
    assert "No difference found" in said
    assert "3.4 points would have been shown" in said
    assert "it gains" not in said


def test_what_so_few_pictures_of_d_val_can_tell_is_said():
    said = sentence(record_with(0.02, 0.06))
    # 0.7 of 100: 1.96 · √(0.7 · 0.3 / 100) = 0.09; the other one has 0.65.
    assert "on 100 pictures of D_val, which know an accuracy to about ± 9 points" in said
    assert "1 other of 1 lies as near" in said
    wide = record_with(0.02, 0.06).model_copy(update={"num_val": 10_000})
    assert "± 1 points: 0 others of 1 lie as near" in sentence(wide)


def test_out_of_fold_teachers_are_named_as_a_cost():
    record = record_with(0.02, 0.06)
    trusting = record.chosen.model_copy(update={"entry": "ltkd:teacher_folds=5,trust=1"})
    said = sentence(record.model_copy(update={"chosen": trusting}))
    assert said.endswith("It needs 5 more teachers, trained once.")


def test_a_shown_gain_and_a_shown_loss_are_told_apart():
    said = sentence(record_with(0.02, 0.06))
    assert "it gains 4.0 points of balanced accuracy (2.0 to 6.0; " in said
    assert "one split" in said
    assert said.endswith("1.2 times KD's.")
    assert "it loses 4.0 points of balanced accuracy (2.0 to 6.0; " in sentence(
        record_with(-0.06, -0.02)
    )
