"""Cases of a test of which most only repeat it on other input."""

import os
from collections.abc import Sequence
from typing import Any

import pytest


def first_quick(cases: Sequence[Any], num_quick: int = 1) -> list[Any]:
    """Return the cases for `parametrize`; those after the first ones are slow."""
    rest = [case if isinstance(case, tuple) else (case,) for case in cases[num_quick:]]
    return [*cases[:num_quick], *(pytest.param(*case, marks=pytest.mark.slow) for case in rest)]


def as_many(few: int, whole: int) -> int:
    """Return the whole number of cases where BIKD_WHOLE is set, else a few of them."""
    return whole if os.environ.get("BIKD_WHOLE") else few
