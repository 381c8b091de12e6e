"""Pictures as they are sent to the browser."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from app.lab.views.images import encoding


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_holds_the_picture(channels):
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    read = np.asarray(Image.open(io.BytesIO(encoding.encoded(picture, "png"))))
    assert np.array_equal(read.reshape(picture.shape), picture)


def test_photographs_are_small_in_the_gallery_and_exact_when_large(monkeypatch, tmp_path):
    across = np.linspace(0, 255, 32).astype(np.uint8)
    picture = np.stack([*np.meshgrid(across, across), np.full((32, 32), 90, np.uint8)], axis=-1)
    monkeypatch.setattr(encoding, "load_pictures", lambda *_: picture[None])
    exact, small = (
        encoding.data_uris("a set of photographs", [1], tmp_path, is_exact=is_exact)[0]
        for is_exact in (True, False)
    )
    assert exact.startswith("data:image/png")
    read = Image.open(io.BytesIO(base64.b64decode(exact.split(",")[1])))
    assert np.array_equal(np.asarray(read), picture)
    read = Image.open(io.BytesIO(base64.b64decode(small.split(",")[1])))
    off = np.abs(np.asarray(read.convert("RGB")).astype(int) - picture)
    assert off.mean() < 4
    assert len(small) < 1000
