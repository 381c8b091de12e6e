"""Paired t-tests over seeds: corrected for their number, and what these seeds could have shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from statistics import fmean, stdev
from typing import NamedTuple

SIGNIFICANCE = 0.05
POWER = 0.8
_NO_SPREAD = 1e-9  # differences that differ by rounding alone


class PairedTest(NamedTuple):
    """The two-sided t-test of an entry's differences to another, paired by seed."""

    num_seeds: int  # that both have finished
    p_value: float | None  # corrected by Holm over `num_tests`; None for a single seed
    num_tests: int  # at least two seeds each
    #: The smallest true difference that the test would have shown with a probability of `POWER`,
    #: given the spread that was seen; None for a single seed and without any spread.
    detectable: float | None

    @property
    def is_claim(self) -> bool:
        """Whether the difference may be claimed."""
        return self.p_value is not None and self.p_value < SIGNIFICANCE


def paired_tests(differences: Sequence[Sequence[float]]) -> list[PairedTest]:
    """Return the test of each row of differences, (tests, seeds), corrected by Holm over all."""
    p_values = holm([p_value(row) for row in differences])
    num_tests = sum(p is not None for p in p_values)
    return [
        PairedTest(len(row), p, num_tests, detectable_difference(row, num_tests))
        for row, p in zip(differences, p_values, strict=True)
    ]


def p_value(values: Sequence[float]) -> float | None:
    """Return the two-sided p-value of the t-test that the mean is 0; None for fewer than two."""
    from scipy.special import stdtr  # `scipy.stats` takes over a second to import

    if len(values) < 2:
        return None
    mean, error = fmean(values), stdev(values) / math.sqrt(len(values))
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(len(values) - 1, -abs(mean) / error))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values corrected for the number of tests; None stays None and counts as no test.

    Source: Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979.
    """
    known = [p for p in p_values if p is not None]
    if len(known) < 2:
        return list(p_values)
    from statsmodels.stats.multitest import multipletests

    corrected = iter(multipletests(known, method="holm")[1].tolist())
    return [None if p is None else float(next(corrected)) for p in p_values]


def detectable_difference(values: Sequence[float], num_tests: int = 1) -> float | None:
    """Return the smallest true mean that the t-test would have shown with probability `POWER`.

    The test is at the first step of Holm's correction, `SIGNIFICANCE` / `num_tests`, where the
    smallest of so many p-values is tested.

    Args:
        values: The differences of the seeds; their spread is taken for the true one.
        num_tests: Tests that are corrected for.
    """
    if len(values) < 2 or (spread := stdev(values)) < _NO_SPREAD:
        return None
    return _detectable_effect(len(values), num_tests) * spread


@cache
def _detectable_effect(num_seeds: int, num_tests: int) -> float:
    """Return the detectable difference in standard deviations."""
    from statsmodels.stats.power import TTestPower

    # One side of the two-sided test: a significant difference of the wrong sign shows nothing, and
    # statsmodels 0.15's sum of both sides has no solution for few seeds and many tests.
    effect = TTestPower().solve_power(
        nobs=num_seeds,
        alpha=SIGNIFICANCE / num_tests / 2,
        power=POWER,
        alternative="larger",
    )
    return float(effect)


def power_sentence(tests: Sequence[PairedTest]) -> str:
    """Return in words which differences these seeds could have shown; "" if that is unknown."""
    known = [(test.num_seeds, test.detectable) for test in tests if test.detectable is not None]
    if not known:
        return ""
    seeds = sorted({number for number, _ in known})
    number = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    low, high = (f"{100 * end(points for _, points in known):.1f}" for end in (min, max))
    size = f"a difference of {low}" if low == high else f"differences of {low} to {high}"
    return f"These {number} seeds could have shown {size} points ({100 * POWER:.0f} % power)."


def correction(tests: Sequence[PairedTest]) -> str:
    """Return how p-values are corrected, as the end of a clause; "" where there is one test."""
    num_tests = max((test.num_tests for test in tests), default=0)
    return f" after Holm's correction over {num_tests} comparisons" if num_tests > 1 else ""


def p_in_words(p_value: float | None) -> str:
    """Return a p-value as text for a table."""
    return "–" if p_value is None else f"{p_value:.3f}" if p_value >= 0.001 else "< 0.001"


def points_in_words(difference: float | None) -> str:
    """Return a difference without sign, a fraction, in points as text for a table."""
    return "–" if difference is None else f"{100 * difference:.1f}"
