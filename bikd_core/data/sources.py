"""A data set as it comes: one uint8 tensor for the pool, one for the official test set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bikd_core.data.facts import facts_of
from bikd_core.data.pictures import read_digits
from bikd_core.data.torchvision_sets import (
    DatasetUnavailable,
    Labelled,
    Progress,
    read_or_download,
)

__all__ = ["DatasetUnavailable", "ImageSet", "Progress", "Source", "load_source"]


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
        data_dir: Holds torchvision's data sets in torchvision's layout; made for a download.
        on_progress: Told the bytes done and in all while a download runs. What it raises ends
            the download, and nothing of it is left.

    Raises:
        ConfigError: There is no such data set.
        DatasetUnavailable: It is not there and cannot be downloaded, or its files are damaged.
    """
    facts = facts_of(dataset)
    if dataset == "digits":
        digits = Labelled.of(*read_digits())
        return Source(dataset, facts.class_names, _numbered(digits, start=0), None)
    train, test = read_or_download(dataset, data_dir, on_progress)
    return Source(
        dataset,
        facts.class_names,
        _numbered(train, start=0),
        _numbered(test, start=len(train.labels)),
    )


def _numbered(part: Labelled, *, start: int) -> ImageSet:
    return ImageSet(part.images, part.labels, torch.arange(start, start + len(part.labels)))
