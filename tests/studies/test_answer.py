"""The numbers of a comparison against scipy's paired test and arithmetic by hand."""

import dataclasses

import numpy as np
import pytest

from bikd_core.config import RunConfig
from bikd_core.studies import answer
from bikd_core.studies.answer import interval
from tests.made_up import epoch_done

EPOCH = epoch_done(1, RunConfig())
LABELS = {"kd": "KD", "bikd": "BiKD"}
KD, BIKD = (0.61, 0.64, 0.60, 0.66), (0.70, 0.69, 0.71, 0.69)


def runs(accuracies, first_seed=0):
    return {
        first_seed + number: dataclasses.replace(EPOCH, accuracy=accuracy)
        for number, accuracy in enumerate(accuracies)
    }


def lines(reference="kd", **methods):
    made = answer(methods, dict.fromkeys(methods, 0.1), reference, dict.fromkeys(methods, ""))
    return {line.method: line for line in made}


@pytest.mark.parametrize(
    ("values", "t"),
    [([1.0, 3.0], 12.7062), ([1.0, 2.0, 3.0], 4.30265), ([0.0, 4.0, 8.0, 0.0], 3.18245)],
)
def test_the_interval_of_a_mean_is_students_t_interval(values, t):
    mean, half = np.mean(values), t * np.std(values, ddof=1) / len(values) ** 0.5
    assert interval(values) == pytest.approx((mean, mean - half, mean + half), rel=1e-5)


@pytest.mark.slow
def test_the_interval_of_a_mean_is_that_of_scipy():
    from scipy import stats

    values = [0.61, 0.64, 0.60, 0.66]
    expected = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert interval(values)[1:] == pytest.approx(expected, rel=1e-12)


def test_a_lead_is_the_interval_of_the_differences_on_the_common_seeds():
    found = lines(kd=runs(KD), bikd=runs(BIKD, first_seed=1))["bikd"].lead["accuracy"]
    assert found == interval([b - a for a, b in zip(KD[1:], BIKD[:3], strict=True)])


@pytest.mark.slow
def test_a_lead_agrees_with_the_paired_t_test_on_the_common_seeds():
    from scipy import stats

    found = lines(kd=runs(KD), bikd=runs(BIKD, first_seed=1))["bikd"].lead["accuracy"]
    test = stats.ttest_rel(BIKD[:3], KD[1:])
    low, high = test.confidence_interval(0.95)
    assert found == pytest.approx((np.mean(np.subtract(BIKD[:3], KD[1:])), low, high))
    assert found.excludes_zero == bool(test.pvalue < 0.05)


def test_the_best_mean_is_first_and_the_reference_has_no_lead():
    made = answer({"kd": runs(KD), "bikd": runs(BIKD)}, {"kd": 1.0, "bikd": 2.0}, "kd", LABELS)
    assert [line.method for line in made] == ["bikd", "kd"]
    assert made[1].lead == {}
    assert made[0].seconds_per_epoch == 2.0
    assert made[0].seeds == (0, 1, 2, 3)


def test_one_seed_has_no_interval_and_claims_nothing():
    found = lines(kd=runs(KD[:1]), bikd=runs(BIKD[:1]))["bikd"]
    assert found.values["accuracy"] == (0.70, None, None)
    assert not found.lead["accuracy"].excludes_zero


def test_equal_values_have_an_interval_without_width():
    assert interval([0.5, 0.5, 0.5]) == (0.5, 0.5, 0.5)


def test_an_entry_without_runs_has_no_line_and_no_lead():
    found = lines(kd=runs(KD), bikd={})
    assert set(found) == {"kd"}
    assert lines(kd={}, bikd=runs(BIKD))["bikd"].lead == {}


def test_no_values_have_no_mean():
    with pytest.raises(ValueError, match="There are no values"):
        interval([])
