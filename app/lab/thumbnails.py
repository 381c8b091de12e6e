"""Small pictures for figures: several in one row, as an image that a figure can hold in itself."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image  # comes with Streamlit, which cannot do without it

LEAST_SIDE = 32  # px: a smaller picture is enlarged in whole pixels, so that it stays sharp
_GAP = 1 / 12  # of a picture's side, between two pictures


def strip(pictures: NDArray[np.uint8]) -> str:
    """The pictures side by side as a data URI; "" for none.

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
    # Photographs lossy: a tenth of the size, and no eye sees it at this one.
    Image.fromarray(sheet).save(file, "WEBP", lossless=channels == 1, quality=80)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
