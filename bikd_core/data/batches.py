"""The set on the device, its batches with augmentation there, and the order they come in.

All random numbers are drawn on the CPU and moved, so that CPU and CUDA see the same draws.
Letters for shapes: B batch, c channels, H height, W width.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from bikd_core.data.image_set import ImageSet
from bikd_core.data.long_tail import LongTailSplit

Augmentation = Literal["none", "crop", "crop_flip"]


class DeviceSet:
    """An image set that lives on the device as uint8, and gives normalised batches there."""

    def __init__(
        self,
        images: ImageSet,
        split: LongTailSplit,
        device: torch.device | str,
        augmentation: Augmentation = "none",
        dtype: torch.dtype = torch.float32,
        memory_format: torch.memory_format = torch.preserve_format,
    ) -> None:
        """Move the set to the device. The split gives the mean and standard deviation.

        `memory_format` is that of the batches.
        """
        self.device = torch.device(device)
        self.images = images.images.to(self.device)  # uint8 [N, c, H, W]
        self.labels = images.labels.to(self.device)  # int64 [N]
        self.augmentation = augmentation
        self.dtype = dtype
        self.memory_format = memory_format
        mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (split.mean, split.std))
        self._scale = (1 / (255 * std)).to(self.device)
        self._shift = (-mean / std).to(self.device)

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Normalised images at these positions, (B,) -> (B, c, H, W), of `dtype`, on the device.

        Args:
            indices: int64; moved to the device if they are not there.
            generator: Augment, with random numbers from it (on the CPU); none: do not.
        """
        pixels = self.images.index_select(0, to_device(indices, self.device))
        if generator is not None and self.augmentation != "none":
            pixels = crop_and_flip(pixels, generator, flip=self.augmentation == "crop_flip")
        return self._normalised(pixels)

    def cut(self, indices: Tensor, crops: Crops) -> Tensor:
        """As `batch`, each image cut as said, if this set is augmented at all."""
        pixels = self.images.index_select(0, to_device(indices, self.device))
        return self._normalised(cut(pixels, crops) if self.augmentation != "none" else pixels)

    def _normalised(self, pixels: Tensor) -> Tensor:
        normalised = pixels.float().mul_(self._scale).add_(self._shift)
        return normalised.to(self.dtype, memory_format=self.memory_format)


class Crops(NamedTuple):
    """How each of B images is cut: offsets (B, 2), rows then columns, and is_flipped (B, 1)."""

    offsets: Tensor
    is_flipped: Tensor


def draw_crops(count: int, height: int, generator: torch.Generator, *, flip: bool) -> Crops:
    """Random cuts of images padded by H // 8, half of them mirrored if `flip`; on the CPU."""
    pad = height // 8
    offsets = torch.randint(2 * pad + 1, (count, 2), generator=generator)
    if not flip:
        return Crops(offsets, torch.zeros(count, 1, dtype=torch.bool))
    return Crops(offsets, torch.rand(count, 1, generator=generator) < 0.5)


def crop_and_flip(pixels: Tensor, generator: torch.Generator, *, flip: bool) -> Tensor:
    """Each image padded with zeros by H // 8, cropped back at random and flipped at random.

    Args:
        pixels: (B, c, H, W) with H = W, before normalisation; (B, c, H, W) is returned.
        generator: On the CPU.
        flip: Mirror half of the images left to right.
    """
    return cut(pixels, draw_crops(len(pixels), pixels.shape[2], generator, flip=flip))


def cut(pixels: Tensor, crops: Crops) -> Tensor:
    """Each image padded with zeros by H // 8 and cut as said; (B, c, H, W) with H = W."""
    (batch, channels, height, width), device = pixels.shape, pixels.device
    pad = height // 8
    (offsets, is_flipped), place = crops, crops.offsets.device
    inside = slice(pad, pad + height)
    padded = pixels.new_zeros(2 * batch, channels, height + 2 * pad, width + 2 * pad)
    padded[:batch, :, inside, inside] = pixels
    padded[batch:, :, inside, inside] = pixels.flip(3)  # all: to pick some would stall a GPU
    # A cut is `height` rows of each channel, and a row lies in one piece: row by row is ten times
    # as fast as pixel by pixel. A mirrored image is cut from the other side.
    left = torch.where(is_flipped, 2 * pad - offsets[:, 1:], offsets[:, 1:])
    sources = torch.arange(batch, device=place)[:, None] + batch * is_flipped
    planes = sources * channels + torch.arange(channels, device=place)
    tops = planes * (height + 2 * pad) + offsets[:, :1]
    rows = tops[:, :, None] + torch.arange(height, device=place)
    starts = (rows * (width + 2 * pad) + left[:, None]).flatten()
    pieces = padded.as_strided((padded.numel() - width + 1, width), (1, 1))
    cropped = pieces.index_select(0, to_device(starts, device))
    if channels == 1:
        # One channel may lie in memory either way; torch's convolutions take another path, to
        # other last digits, for each. Runs so far had it this way.
        return cropped.view(batch, height, width, 1).permute(0, 3, 1, 2)
    return cropped.view(batch, channels, height, width)


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on the device, without making the CPU wait for a CUDA device."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def epoch_order(num_images: int, batch_size: int, generator: torch.Generator) -> list[Tensor]:
    """Batches of one random permutation of the positions 0 … num_images − 1, on the CPU.

    A last batch of one joins the one before it: batch normalisation needs two images.
    """
    return _batches(torch.randperm(num_images, generator=generator), batch_size)


def _batches(order: Tensor, batch_size: int) -> list[Tensor]:
    batches = list(torch.split(order, batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


class Endless:
    """Batches of positions without end; each pass over the set takes a new permutation."""

    def __init__(self, num_images: int, batch_size: int, generator: torch.Generator) -> None:
        """Draw the first permutation. The generator lives on the CPU."""
        self._num_images = num_images
        self._batch_size = batch_size
        self._generator = generator
        self._start_pass()

    def _start_pass(self) -> None:
        self._order = torch.randperm(self._num_images, generator=self._generator)
        self._batches = _batches(self._order, self._batch_size)
        self._next = 0

    def next_batch(self) -> Tensor:
        """Positions, int64 (B,), on the CPU; the last batch of a pass may be smaller."""
        if self._next == len(self._batches):
            self._start_pass()
        self._next += 1
        return self._batches[self._next - 1]

    def state(self) -> dict[str, Tensor | int]:
        """What `load_state` needs to go on with the same batches, the generator included."""
        return {
            "order": self._order.clone(),
            "next": self._next,
            "generator": self._generator.get_state(),
        }

    def load_state(self, state: dict[str, Tensor | int]) -> None:
        """Go on where `state` was taken.

        Raises:
            ValueError: It is of a set of another size.
        """
        order, position, generator = state["order"], state["next"], state["generator"]
        assert isinstance(order, Tensor)
        assert isinstance(generator, Tensor)
        if len(order) != self._num_images:
            raise ValueError(
                f"the loader's state is of {len(order)} images; this set has {self._num_images}"
            )
        self._order = order
        self._batches = _batches(order, self._batch_size)
        self._next = int(position)
        self._generator.set_state(generator)
