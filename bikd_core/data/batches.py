"""An image set on the device, and the order in which its batches are drawn.

Letters for shapes: B batch, N images of the set, c channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bikd_core.data.augmentation import Augmentation, Crops, crop, crop_and_flip
from bikd_core.data.image_set import ImageSet, to_device
from bikd_core.data.long_tail import LongTailSplit

MOST_KEPT = 2**22  # pixels of a set that is kept as floats too, normalised once


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
        """Move the set to the device.

        Args:
            images: The set.
            split: Gives the mean and the standard deviation for normalisation.
            device: Where the set and its batches lie.
            augmentation: What `batch` does if it is given a generator.
            dtype: The type of the batches.
            memory_format: The layout of the batches.
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
        self._floats: Tensor | None = None  # the whole set normalised, if it is small
        if self.images.numel() <= MOST_KEPT:
            self._floats = self._normalised(self.images)

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the normalised images at these positions, (B,) -> (B, c, H, W), on the device.

        Args:
            indices: int64; moved to the device if they are elsewhere.
            generator: On the CPU; the images are augmented with its random numbers. None: they
                are not augmented.
        """
        indices, is_plain = to_device(indices, self.device), generator is None
        if self._floats is not None and (is_plain or self.augmentation == "none"):
            found = self._floats.index_select(0, indices)
            return found.to(memory_format=self.memory_format)
        pixels = self.images.index_select(0, indices)
        if generator is not None and self.augmentation != "none":
            pixels = crop_and_flip(pixels, generator, flip=self.augmentation == "crop_flip")
        return self._normalised(pixels)

    def cropped(self, indices: Tensor, crops: Crops) -> Tensor:
        """Return a batch with these crops, (B,) -> (B, c, H, W); uncropped without augmentation."""
        pixels = self.images.index_select(0, to_device(indices, self.device))
        return self._normalised(crop(pixels, crops) if self.augmentation != "none" else pixels)

    def _normalised(self, pixels: Tensor) -> Tensor:
        normalised = pixels.float().mul_(self._scale).add_(self._shift)
        return normalised.to(self.dtype, memory_format=self.memory_format)


def epoch_order(num_images: int, batch_size: int, generator: torch.Generator) -> list[Tensor]:
    """Return batches of a random permutation of the positions 0 … N − 1: int64 (B,) on the CPU.

    A last batch of one image joins the batch before it: batch normalisation needs two images.
    """
    return _batches(torch.randperm(num_images, generator=generator), batch_size)


def _batches(order: Tensor, batch_size: int) -> list[Tensor]:
    batches = list(torch.split(order, batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


class Endless:
    """An endless stream of batches of positions; each pass over the set is a new permutation."""

    def __init__(self, num_images: int, batch_size: int, generator: torch.Generator) -> None:
        """Draw the first permutation from a generator on the CPU."""
        self._num_images = num_images
        self._batch_size = batch_size
        self._generator = generator
        self._start_pass()

    def _start_pass(self) -> None:
        self._order = torch.randperm(self._num_images, generator=self._generator)
        self._batches = _batches(self._order, self._batch_size)
        self._next = 0

    def next_batch(self) -> Tensor:
        """Return positions, int64 (B,) on the CPU; the last batch of a pass may be smaller."""
        if self._next == len(self._batches):
            self._start_pass()
        self._next += 1
        return self._batches[self._next - 1]

    def state(self) -> dict[str, Tensor | int]:
        """Return what `load_state` needs to continue with the same batches."""
        return {
            "order": self._order.clone(),
            "next": self._next,
            "generator": self._generator.get_state(),
        }

    def load_state(self, state: dict[str, Tensor | int]) -> None:
        """Continue where `state` was taken.

        Raises:
            ValueError: The state belongs to a set of another size.
        """
        order, position, generator = state["order"], state["next"], state["generator"]
        assert isinstance(order, Tensor)
        assert isinstance(generator, Tensor)
        if len(order) != self._num_images:
            raise ValueError(
                f"This set has {self._num_images} images; the loader's state is for {len(order)}."
            )
        self._order = order
        self._batches = _batches(order, self._batch_size)
        self._next = int(position)
        self._generator.set_state(generator)
