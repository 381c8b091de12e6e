"""A data set as it comes: one uint8 tensor for the pool, one for the official test set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bikd_core.data.facts import facts_of
from bikd_core.data.pictures import read_digits

Progress = Callable[[int, int], None]  # bytes done, bytes in all


class DatasetUnavailable(ValueError):
    """A data set can be neither read nor downloaded; the message says what to do."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """N labelled images."""

    images: Tensor  # uint8 [N, channels, H, W]
    labels: Tensor  # int64 [N]
    original_indices: Tensor  # int64 [N]: the training file's images from 0, then the test file's

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: Tensor) -> ImageSet:
        """The images at these positions, [M] or a mask [N], in this order."""
        return ImageSet(self.images[indices], self.labels[indices], self.original_indices[indices])

    def to(self, device: torch.device | str) -> ImageSet:
        return ImageSet(
            self.images.to(device), self.labels.to(device), self.original_indices.to(device)
        )


@dataclass(frozen=True, eq=False)
class Source:
    """One data set, whole."""

    name: str
    class_names: tuple[str, ...]
    pool: ImageSet
    test: ImageSet | None  # None: the split cuts its test images from the pool


def load_source(dataset: str, data_dir: Path, *, on_progress: Progress | None = None) -> Source:
    """A data set from `data_dir`, where it is downloaded to if it is not there.

    Args:
        dataset: A name in `DATASETS`.
        data_dir: Holds torchvision's data sets, each in torchvision's layout.
        on_progress: Told the bytes done and in all while a download runs.

    Raises:
        ConfigError: There is no such data set.
        DatasetUnavailable: It is not there and cannot be downloaded, or its files are damaged.
    """
    facts = facts_of(dataset)
    if dataset != "digits":
        raise DatasetUnavailable(f"{facts.title} cannot be read yet; the digits can.")
    pictures, labels = read_digits()
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()
    indices = torch.arange(len(labels))
    pool = ImageSet(images, torch.from_numpy(labels), indices)
    return Source(dataset, facts.class_names, pool, None)
