"""Which pictures a gallery holds, and in what order."""

import numpy as np
import pytest

from app.lab.views.images.contents import sections
from tests.app.pictured import values


def test_the_gallery_has_both_ends_of_the_order_and_no_picture_twice():
    w_soft = np.linspace(0.2, 0.9, 50)
    highest, lowest = sections(values(w_soft=w_soft), np.ones(50, bool), "soft")
    assert highest.rows == tuple(range(49, 37, -1))
    assert lowest.rows == tuple(range(12))
    assert (highest.title, lowest.title) == (
        "Highest w_soft: 12 of 50 shown",
        "Lowest w_soft: 12 of 50 shown",
    )


@pytest.mark.parametrize("count", [1, 23, 24])
def test_few_pictures_are_one_section(count):
    losses = np.arange(count)[::-1]
    [section] = sections(values(ce_student=losses), np.ones(count, bool), "loss")
    assert section.rows == tuple(range(count))


def test_a_selection_without_pictures_is_said():
    [section] = sections(values(w_hard=[0.5, 0.6]), np.zeros(2, bool), "hard")
    assert section == ("None here", ())
