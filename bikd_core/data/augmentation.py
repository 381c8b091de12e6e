"""Random crops and mirror images of a whole batch at once.

All random numbers are drawn on the CPU and moved, so that CPU and CUDA see the same draws.
Letters for shapes: B batch, c channels, H height, W width.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from bikd_core.data.image_set import to_device

Augmentation = Literal["none", "crop", "crop_flip"]


class Crops(NamedTuple):
    """The crops of B images."""

    offsets: Tensor  # int64 (B, 2): rows, then columns
    is_flipped: Tensor  # bool (B, 1): mirrored left to right


def draw_crops(count: int, height: int, generator: torch.Generator, *, flip: bool) -> Crops:
    """Draw crops of `count` images that are padded by H // 8; half are mirrored if `flip`."""
    pad = height // 8
    offsets = torch.randint(2 * pad + 1, (count, 2), generator=generator)
    if not flip:
        return Crops(offsets, torch.zeros(count, 1, dtype=torch.bool))
    return Crops(offsets, torch.rand(count, 1, generator=generator) < 0.5)


def crop_and_flip(pixels: Tensor, generator: torch.Generator, *, flip: bool) -> Tensor:
    """Pad each image with zeros by H // 8, crop it at random and mirror half of them at random.

    Args:
        pixels: (B, c, H, W) with H = W, before normalisation; (B, c, H, W) is returned.
        generator: On the CPU.
        flip: Whether to mirror half of the images left to right.
    """
    return crop(pixels, draw_crops(len(pixels), pixels.shape[2], generator, flip=flip))


def crop(pixels: Tensor, crops: Crops) -> Tensor:
    """Pad each image with zeros by H // 8 and crop it; (B, c, H, W) -> (B, c, H, W) with H = W."""
    (batch, channels, height, width), device = pixels.shape, pixels.device
    pad = height // 8
    (offsets, is_flipped), place = crops, crops.offsets.device
    inside = slice(pad, pad + height)
    padded = pixels.new_zeros(2 * batch, channels, height + 2 * pad, width + 2 * pad)
    padded[:batch, :, inside, inside] = pixels
    padded[batch:, :, inside, inside] = pixels.flip(3)  # all: to select some would stall a GPU
    # A crop is `height` rows of each channel, and a row is contiguous: row by row is ten times as
    # fast as pixel by pixel. A mirrored image is cropped from the other side.
    left = torch.where(is_flipped, 2 * pad - offsets[:, 1:], offsets[:, 1:])
    sources = torch.arange(batch, device=place)[:, None] + batch * is_flipped
    planes = sources * channels + torch.arange(channels, device=place)
    tops = planes * (height + 2 * pad) + offsets[:, :1]
    rows = tops[:, :, None] + torch.arange(height, device=place)
    starts = (rows * (width + 2 * pad) + left[:, None]).flatten()
    pieces = padded.as_strided((padded.numel() - width + 1, width), (1, 1))
    cropped = pieces.index_select(0, to_device(starts, device))
    if channels == 1:
        # One channel can be laid out either way in memory, and torch's convolutions take another
        # path, with other last digits, for each. All runs so far had this layout.
        return cropped.view(batch, height, width, 1).permute(0, 3, 1, 2)
    return cropped.view(batch, channels, height, width)
