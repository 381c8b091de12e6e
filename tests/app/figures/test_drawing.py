"""What figures have in common."""

import numpy as np
import pytest

from app.figures.drawing import packed
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
