"""Cases of a test of which most only repeat it on other input."""

from collections.abc import Sequence
from typing import Any

import pytest


def first_quick(cases: Sequence[Any], num_quick: int = 1) -> list[Any]:
    """Return the cases for `parametrize`; those after the first ones are slow."""
    rest = [case if isinstance(case, tuple) else (case,) for case in cases[num_quick:]]
    return [*cases[:num_quick], *(pytest.param(*case, marks=pytest.mark.slow) for case in rest)]
