"""How values are written in sentences."""

import pytest

from bikd_core.config import signed


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        (0.94, 1, "+0.9"),
        (-2.26, 1, "−2.3"),
        (-0.04, 1, "+0.0"),
        (-0.4, 0, "+0"),
        (-0.04, 2, "−0.04"),
    ],
)
def test_a_difference_has_its_sign_and_is_never_minus_nothing(value, digits, expected):
    assert signed(value, digits) == expected
