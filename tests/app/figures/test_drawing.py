"""What figures have in common."""

import colorsys
from itertools import product

import numpy as np
import pytest

from app.figures.drawing import GROUP_COLOURS, KIND_COLOURS, packed
from tests.app.shown import unpacked


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16])
@pytest.mark.parametrize("order", ["C", "F"])
def test_packed_numbers_come_back(dtype, order):
    values = np.array([[0, 1, 2], [100, 3, 127]], dtype=dtype, order=order)
    assert (unpacked(packed(values)) == values).all()


def test_the_first_row_is_sent_first_low_byte_first():
    z = packed(np.array([[1, 2], [256, 3]], dtype=np.int16))
    assert z == {"dtype": "i2", "bdata": "AQACAAABAwA=", "shape": "2, 2"}


@pytest.mark.parametrize("dtype", [np.int64, np.float32, bool])
def test_what_plotly_cannot_read_is_refused(dtype):
    with pytest.raises(ValueError, match=r"is not one of int8"):
        packed(np.zeros((1, 1), dtype=dtype))


def hue(colour):
    """The hue of a colour, in degrees, and its saturation."""
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    hue, _, saturation = colorsys.rgb_to_hls(red, green, blue)
    return 360 * hue, saturation


def test_no_group_of_classes_has_a_colour_that_reads_as_that_of_a_loss():
    for group, kind in product(GROUP_COLOURS.values(), KIND_COLOURS.values()):
        (one, saturation), (other, _) = hue(group), hue(kind)
        apart = min(abs(one - other), 360 - abs(one - other))
        assert saturation < 0.1 or apart > 35
