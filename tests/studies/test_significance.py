"""Paired tests over seeds against scipy, Holm's published steps, and the power by integration."""

import numpy as np
import pytest

from bikd_core.studies.significance import (
    PairedTest,
    correction,
    detectable_difference,
    holm,
    p_value,
    paired_tests,
    power_sentence,
)
from tests.repeated import first_quick

ROWS = ([0.05, 0.04, 0.06, 0.04], [0.01, -0.02, 0.02, -0.01], [0.03])


def test_holm_corrects_step_by_step_and_never_falls():
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.04]) == [0.04]
    assert holm([None, 0.04]) == [None, 0.04]
    assert holm([]) == []


def test_holm_agrees_with_its_definition():
    p_values = np.random.default_rng(0).uniform(0, 0.2, 9).tolist()
    order = np.argsort(p_values)
    steps = np.maximum.accumulate([min(1, (9 - k) * p_values[i]) for k, i in enumerate(order)])
    assert [holm(p_values)[i] for i in order] == pytest.approx(steps.tolist())


def test_the_p_value_is_that_of_the_paired_t_test():
    from scipy import stats

    for row in ROWS[:2]:
        assert p_value(row) == pytest.approx(stats.ttest_1samp(row, 0).pvalue)
    assert p_value([0.1]) is None
    assert p_value([0.0, 0.0]) == 1.0


def test_a_single_seed_counts_as_no_test():
    first, second, alone = paired_tests(ROWS)
    assert first.num_tests == second.num_tests == 2
    assert first.p_value == pytest.approx(2 * p_value(ROWS[0]))
    assert (first.is_claim, second.is_claim, alone.is_claim) == (True, False, False)
    assert alone == PairedTest(1, None, 2, None)


@pytest.mark.parametrize(
    ("num_seeds", "num_tests"), first_quick([(8, 1), (8, 3), (2, 1), (2, 12), (4, 5), (20, 2)], 2)
)
def test_the_detectable_difference_has_80_percent_power(num_seeds, num_tests):
    from scipy.stats import nct, t

    values = np.random.default_rng(num_seeds).normal(0, 0.01, num_seeds).tolist()
    found = detectable_difference(values, num_tests)
    noncentrality = found / np.std(values, ddof=1) * num_seeds**0.5
    critical = t.isf(0.025 / num_tests, num_seeds - 1)
    assert nct.sf(critical, num_seeds - 1, noncentrality) == pytest.approx(0.8, abs=1e-5)


def test_the_detectable_difference_agrees_with_a_published_table():
    # Cohen, Statistical Power Analysis, 1988: d = 0.50 has power 0.80 with 34 pairs, α = 0.05.
    values = np.random.default_rng(0).normal(0, 1, 34)
    unit = ((values - values.mean()) / values.std(ddof=1)).tolist()
    assert detectable_difference(unit) == pytest.approx(0.495, abs=0.005)


def test_without_spread_nothing_is_said_about_what_could_have_been_shown():
    assert detectable_difference([0.1]) is None
    assert detectable_difference([0.1, 0.1, 0.1]) is None
    assert power_sentence([PairedTest(3, 1.0, 1, None)]) == ""


def test_the_sentences_name_seeds_points_and_the_correction():
    one, other = PairedTest(8, 0.3, 2, 0.021), PairedTest(7, 0.3, 2, 0.034)
    assert power_sentence([one]) == (
        "These 8 seeds could have shown a difference of 2.1 points (80 % power)."
    )
    assert power_sentence([one, other]) == (
        "These 7 to 8 seeds could have shown differences of 2.1 to 3.4 points (80 % power)."
    )
    assert correction([one, other]) == " after Holm's correction over 2 comparisons"
    assert correction([PairedTest(8, 0.3, 1, 0.021)]) == ""
