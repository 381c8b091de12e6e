"""Corruptions of D_val's images: Gaussian noise and Gaussian blur.

Letters for shapes: N images, c channels, H height, W width.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from bikd_core.config import DataConfig
from bikd_core.data.image_set import ImageSet

BLUR_SHARE = 1 / 8  # standard deviation of the blur at strength 1, in image heights
_NOISE = 1_000_004  # tells these draws from the other ones of a split seed
_REACH = 4  # standard deviations after which the blur is cut off


def corrupted(images: ImageSet, config: DataConfig) -> ImageSet:
    """Return D_val's images as `val_corruption` leaves them; labels and indices stay.

    Noise depends on the split seed and the image's original index alone.
    """
    strength = config.val_corruption_strength
    pixels = images.images.numpy()
    if config.val_corruption == "none" or strength == 0:
        return images
    if config.val_corruption == "noise":
        seeds = [(config.split_seed, index, _NOISE) for index in images.original_indices.tolist()]
        changed = np.stack(
            [_noisy(image, strength, seed) for image, seed in zip(pixels, seeds, strict=True)]
        )
    else:
        changed = blurred(pixels, strength * BLUR_SHARE * pixels.shape[2])
    return ImageSet(torch.from_numpy(changed), images.labels, images.original_indices)


def _noisy(
    image: NDArray[np.uint8], deviation: float, seed: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Return an image with noise of that standard deviation, in units of 255; [c, H, W]."""
    noise = np.random.default_rng(seed).standard_normal(image.shape)
    return _as_pixels(image + 255 * deviation * noise)


def blurred(images: NDArray[np.uint8], deviation: float) -> NDArray[np.uint8]:
    """Return images after a Gaussian blur; [N, c, H, W]. Their edge pixels go on beyond the edge.

    Args:
        images: Pixels from 0 to 255.
        deviation: Standard deviation of the blur in pixels, above 0.
    """
    rows, columns = (_blur(size, deviation) for size in images.shape[2:])
    return _as_pixels(rows @ images.astype(np.float64) @ columns.T)


def _blur(size: int, deviation: float) -> NDArray[np.float64]:
    """Return the matrix, [size, size], that blurs a column of pixels; its rows sum to 1."""
    reach = math.ceil(_REACH * deviation)
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / deviation) ** 2)
    matrix = np.zeros((size, size))
    sources = np.clip(np.arange(size)[:, None] + offsets, 0, size - 1)
    np.add.at(matrix, (np.arange(size)[:, None], sources), kernel / kernel.sum())
    return matrix


def _as_pixels(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
