"""Makes folders of pictures for tests: noise by default, so that no two are alike."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bikd_core.data.own.opening import open_pictures
from bikd_core.data.sources import DatasetUnavailable

COUNTS = {"ant": 9, "bee": 6, "cow": 3}  # of the fixture `pets`


def noise(seed, size=(20, 20), channels=3):
    """Pixels from a fixed seed, [H, W, channels] or [H, W]."""
    shape = (size[1], size[0], channels) if channels > 1 else (size[1], size[0])
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def make_folder(root: Path, counts, split="", size=(20, 20), channels=3, first_seed=0):
    """Write `counts`: class name → number of PNGs."""
    seed = first_seed
    for name, count in counts.items():
        for number in range(count):
            save(root / split / name / f"{number:04}.png", noise(seed, size, channels))
            seed += 1
    return root


def png_header(width, height):
    """A PNG that says how large it is, and ends there."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    length, crc = struct.pack(">I", 13), struct.pack(">I", zlib.crc32(chunk))
    end = b"\x00\x00\x00\x00IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    return b"\x89PNG\r\n\x1a\n" + length + chunk + crc + end


def encoded(image, **options):
    """The bytes of a picture's file; a PNG by default."""
    buffer = io.BytesIO()
    image.save(buffer, **{"format": "PNG"} | options)
    return buffer.getvalue()


def refusal(path, data, **options):
    """The one sentence that opening gives; nothing may be left of it."""
    with pytest.raises(DatasetUnavailable) as caught:
        open_pictures(path, data, **options)
    own = data / "own"
    assert not own.exists() or not [p for p in own.iterdir() if p.name != "opened"]
    assert "\n" not in str(caught.value)
    return str(caught.value)
