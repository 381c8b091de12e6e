"""Any size and mode of picture becomes the square that a network sees, or a reason."""

import numpy as np
import pytest
from PIL import Image

from bikd_core.data.own.decoding import Unreadable, refusing_bombs, square_of, square_of_array
from tests.data.own.own_pictures import encoded, noise, png_header


def test_a_picture_of_the_size_keeps_every_pixel():
    pixels = noise(1, (16, 16))
    assert np.array_equal(square_of(encoded(Image.fromarray(pixels)), 16), pixels)


def test_a_wide_picture_is_cut_to_its_middle_square():
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = 200  # the middle square, and black beside it
    assert square_of(encoded(Image.fromarray(pixels)), 8).min() > 190


def test_grey_becomes_three_equal_channels():
    square = square_of(encoded(Image.fromarray(noise(2, (8, 8), 1))), 8)
    assert np.array_equal(square[..., 0], noise(2, (8, 8), 1))
    assert np.array_equal(square[..., 0], square[..., 2])


def test_what_is_transparent_lies_on_white():
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:, :4] = (255, 0, 0, 255)
    square = square_of(encoded(Image.fromarray(rgba)), 8)
    assert (square[:, :4] == (255, 0, 0)).all()
    assert (square[:, 4:] == 255).all()


@pytest.mark.parametrize("transparency", [None, 1])
def test_a_palette_gives_its_colours(transparency):
    image = Image.new("P", (8, 8), 0)
    image.putpalette([0, 0, 255, 0, 255, 0])
    image.paste(1, (0, 0, 8, 4))
    options = {} if transparency is None else {"transparency": transparency}
    square = square_of(encoded(image, **options), 8)
    assert (square[4:] == (0, 0, 255)).all()
    assert (square[:4] == ((0, 255, 0) if transparency is None else (255, 255, 255))).all()


def test_sixteen_bits_keep_their_order_and_reach_black_and_white():
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    square = square_of(encoded(Image.fromarray(values)), 8)[..., 0].ravel()
    assert np.array_equal(square, np.rint(values.ravel() / 257))
    assert (square[0], square[-1]) == (0, 255)


def test_a_photograph_is_turned_as_its_camera_says():
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[0] = 255  # white on top
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the top is at the right
    square = square_of(encoded(Image.fromarray(pixels), exif=exif), 8)
    assert (square[:, -1] == 255).all()
    assert (square[:, :-1] == 0).all()


MODES = {
    "PNG": ("1", "L", "LA", "RGB", "P"),
    "JPEG": ("1", "L", "RGB", "CMYK", "YCbCr"),
    "TIFF": ("1", "L", "LA", "RGB", "P", "CMYK", "YCbCr"),
}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind in MODES for mode in MODES[kind]])
def test_every_mode_that_a_format_holds_is_read(mode, kind):
    image = Image.fromarray(noise(3, (9, 9))).convert(mode)
    assert square_of(encoded(image, format=kind), 8).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"<html>" * 50, "is not a picture"),
        (encoded(Image.fromarray(noise(4, (40, 40))))[:400], "is cut off or damaged"),
        (png_header(30_000, 30_000), "has more than 89 million pixels"),
        (png_header(11_000, 11_000), "has more than 89 million pixels"),
    ],
)
def test_what_cannot_be_read_says_why(content, why):
    with refusing_bombs(), pytest.raises(Unreadable, match=f"^{why}$"):
        square_of(content, 8)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.bool_])
def test_arrays_of_every_kind_become_squares(shape, kind):
    square = square_of_array(np.ones(shape, kind), 8)
    assert square.shape == (8, 8, 3)
    if kind is np.bool_ and len(shape) == 2:
        assert (square == 255).all()
