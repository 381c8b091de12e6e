"""Pictures as text that a page can hold: one by one, or several in a row; as data URIs."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image  # comes with Streamlit, which needs it

from bikd_core.data.pictures import load_pictures

LEAST_SIDE = 32  # px: a smaller picture is enlarged in whole pixels, so that it stays sharp
_GAP = 1 / 12  # of a picture's side, between two pictures


def data_uris(
    dataset: str, indices: Sequence[int], data_dir: Path, *, is_exact: bool = False
) -> list[str]:
    """Return each picture as an image's data URI, in its own size.

    Photographs lose a little unless `is_exact`: at the size of a gallery nobody sees it, and a
    poll carries a quarter of the bytes.

    Raises:
        PicturesUnavailable: The data set is not on this machine; the message says how to get it.
    """
    return [_data_uri(dataset, index, data_dir, is_exact) for index in indices]


@lru_cache(maxsize=8192)
def _data_uri(dataset: str, index: int, data_dir: Path, is_exact: bool) -> str:
    return _as_uri(load_pictures(dataset, [index], data_dir)[0], is_exact=is_exact)


def own_uris(pictures: NDArray[np.uint8], *, is_exact: bool = False) -> list[str]:
    """Return each picture, [n, H, W, channels], as an image's data URI; see `data_uris`."""
    return [_as_uri(picture, is_exact=is_exact) for picture in pictures]


def _as_uri(picture: NDArray[np.uint8], *, is_exact: bool) -> str:
    is_grey = picture.shape[-1] == 1
    name: Literal["png", "webp"] = "png" if is_grey or is_exact else "webp"
    content = encoded(picture, name)
    return f"data:image/{name};base64,{base64.b64encode(content).decode('ascii')}"


def encoded(picture: NDArray[np.uint8], name: Literal["png", "webp"]) -> bytes:
    """Return the image file of a picture, [H, W, 1] grey or [H, W, 3] red, green, blue."""
    file = io.BytesIO()
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    image.save(file, name, quality=85, method=4)
    return file.getvalue()


def row_of_pictures(pictures: NDArray[np.uint8]) -> str:
    """Return the pictures side by side as one data URI; "" for none.

    Args:
        pictures: [n, H, W, channels], of 1 or 3 channels.
    """
    if not len(pictures):
        return ""
    times = math.ceil(LEAST_SIDE / pictures.shape[1])
    large = pictures.repeat(times, axis=1).repeat(times, axis=2)
    height, width, channels = large.shape[1:]
    gap = max(1, round(_GAP * width))
    sheet = np.zeros((height, len(large) * (width + gap) - gap, 4), dtype=np.uint8)
    for number, picture in enumerate(large):
        left = number * (width + gap)
        sheet[:, left : left + width, :3] = picture if channels == 3 else picture[..., :1]
        sheet[:, left : left + width, 3] = 255
    file = io.BytesIO()
    # Photographs lossy: a tenth of the bytes, and at this size nobody sees it.
    Image.fromarray(sheet).save(file, "WEBP", lossless=channels == 1, quality=80)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
