"""A data set in torch: a uint8 tensor for the pool, for a test set and for a D_val that come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bikd_core.data.sources import Cut, Labelled, Parts, Progress, facts_of, source_of


@dataclass(frozen=True, eq=False)
class ImageSet:
    """N labelled images."""

    images: Tensor  # uint8 [N, channels, H, W]
    labels: Tensor  # int64 [N]
    #: int64 [N]: the training file's images from 0, then the test file's, then D_val's own
    original_indices: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: Tensor) -> ImageSet:
        """Return the images at these positions, int64 [M] or a mask [N], in this order."""
        return ImageSet(self.images[indices], self.labels[indices], self.original_indices[indices])

    def to(self, device: torch.device | str) -> ImageSet:
        """Return the set on a device."""
        return ImageSet(
            self.images.to(device), self.labels.to(device), self.original_indices.to(device)
        )


@dataclass(frozen=True, eq=False)
class LoadedSource:
    """A whole data set, or a cut of it."""

    name: str
    class_names: tuple[str, ...]
    pool: ImageSet
    test: ImageSet | None  # None: the split takes its test images from the pool
    cut: Cut | None = None  # by original index; None: all images are there
    val: ImageSet | None = None  # None: the split takes D_val from the pool


def load_source(
    dataset: str, data_dir: Path, *, on_progress: Progress | None = None
) -> LoadedSource:
    """Return a data set from `data_dir`, downloaded to it first where it is not there yet.

    Args:
        dataset: Its name.
        data_dir: Holds the data sets in torchvision's layout; created for a download.
        on_progress: Called with the bytes done and in all during a download. If it raises, the
            download ends and nothing of it is kept.

    Raises:
        ConfigError: There is no such data set.
        DatasetUnavailable: It is not there and cannot be downloaded, or a file is damaged.
    """
    return as_loaded(dataset, source_of(dataset).load(data_dir, on_progress))


def as_loaded(dataset: str, parts: Parts) -> LoadedSource:
    """Return a data set that has been read, in torch."""
    pool, test, val = parts
    num_before_val = len(pool.labels) + (len(test.labels) if test else 0)
    return LoadedSource(
        dataset,
        facts_of(dataset).class_names,
        _numbered(pool, start=0),
        _numbered(test, start=len(pool.labels)) if test else None,
        parts.cut,
        _numbered(val, start=num_before_val) if val else None,
    )


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return the tensor on the device, (N, …) -> (N, …); the CPU does not wait for CUDA."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def _numbered(part: Labelled, *, start: int) -> ImageSet:
    images = torch.from_numpy(np.array(part.pictures)).permute(0, 3, 1, 2).contiguous()
    labels = torch.from_numpy(np.array(part.labels))
    return ImageSet(images, labels, torch.arange(start, start + len(labels)))
