"""The split of a data set: a long-tailed training set, a balanced D_val and a balanced test set.

    pool of each class, in an order drawn with `split_seed`
    ┌───────┬──────────────────────────┬─ ─ ─ ─ ─ ─ ─┬──────────────────────┐
    │ D_val │ train: the first n_c     │ not used    │ test, if not official│
    └───────┴──────────────────────────┴─ ─ ─ ─ ─ ─ ─┴──────────────────────┘

D_val is taken from the start, before the training images, and the test set from the end. So a
larger factor only removes training images, and neither of the two balanced sets changes with the
other's size or with the tail. Label noise changes labels of training images alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bikd_core.config import DataConfig
from bikd_core.data.counts import num_test_per_class, planned_counts
from bikd_core.data.image_set import ImageSet, LoadedSource, load_source
from bikd_core.data.label_noise import planned_labels
from bikd_core.data.sources import DatasetUnavailable, Progress, facts_of


@dataclass(frozen=True, eq=False)
class LongTailSplit:
    """The images of a run: disjoint sets to train, validate and test on, C classes, on the CPU."""

    dataset: str
    class_names: tuple[str, ...]  # [C]
    train: ImageSet  # its labels as they are given, be they right or wrong
    val: ImageSet
    test: ImageSet
    class_counts: tuple[int, ...]  # [C] training images truly of each class, in label order
    mean: tuple[float, ...]  # per channel, of the training images, in [0, 1]
    std: tuple[float, ...]
    fingerprint: str  # 16 hex digits; equal for equal images and labels in equal roles
    true_labels: Tensor | None = None  # int64 [N] of the training images; None without label noise

    @property
    def label_counts(self) -> tuple[int, ...]:
        """The training images with each label, [C]: all that a method can know of the counts."""
        if self.true_labels is None:
            return self.class_counts
        return tuple(self.train.labels.bincount(minlength=len(self.class_names)).tolist())


def load_split(
    config: DataConfig, data_dir: Path, *, on_progress: Progress | None = None
) -> LongTailSplit:
    """Return the split that `config` describes, of the data set in `data_dir`.

    Raises:
        ConfigError: The split is not possible; this is found before anything is read.
        DatasetUnavailable: As `load_source`.
    """
    planned_labels(config)
    return make_split(load_source(config.dataset, data_dir, on_progress=on_progress), config)


def make_split(source: LoadedSource, config: DataConfig) -> LongTailSplit:
    """Return the split of a loaded data set.

    Raises:
        ConfigError: As `planned_labels`.
        DatasetUnavailable: The split is not inside the cut of the data set that was loaded.
    """
    counts = planned_counts(config)
    num_val, num_test = config.val_per_class, num_test_per_class(config)
    pool, seed = source.pool, config.split_seed
    orders = _orders(pool, len(counts), seed)
    train = [o[num_val : num_val + count] for o, count in zip(orders, counts, strict=True)]
    train_set, true_labels = _with_given_labels(_take(pool, train), torch.cat(train), config)
    val_set = _take(pool, [order[:num_val] for order in orders])
    if source.test is None:
        test_set = _take(pool, [order[-num_test:] for order in orders])
    else:
        orders = _orders(source.test, len(counts), seed)
        test_set = _take(source.test, [order[:num_test] for order in orders])
    _check_held(source, train_set, val_set, test_set)
    mean, std = channel_statistics(train_set.images)
    return LongTailSplit(
        dataset=source.name,
        class_names=source.class_names,
        train=train_set,
        val=val_set,
        test=test_set,
        class_counts=counts,
        mean=mean,
        std=std,
        fingerprint=_fingerprint(train_set, val_set, test_set),
        true_labels=true_labels,
    )


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation per channel of uint8 images [N, channels, H, W].

    Both are fractions in [0, 1], from exact counts of the 256 values, so they are the same on every
    machine. A constant channel gets standard deviation 1, so that normalisation only shifts it.
    """
    values = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in images.unbind(1):
        shares = torch.bincount(channel.flatten(), minlength=256).double() / channel.numel()
        mean = (shares * values).sum()
        means.append(float(mean))
        stds.append(float((shares * (values - mean) ** 2).sum().sqrt()) or 1.0)
    return tuple(means), tuple(stds)


def _orders(images: ImageSet, num_classes: int, split_seed: int) -> list[Tensor]:
    """Return the positions of each class's images, [N_class], in a random order of its own."""
    orders = []
    for label in range(num_classes):
        positions = (images.labels == label).nonzero()[:, 0]
        order = np.random.default_rng([split_seed, label]).permutation(len(positions))
        orders.append(positions[torch.from_numpy(order)])
    return orders


def _take(images: ImageSet, positions: list[Tensor]) -> ImageSet:
    """Return those images in the order of the file, so that no class comes first."""
    return images[torch.cat(positions).sort().values]


def _with_given_labels(
    images: ImageSet, positions: Tensor, config: DataConfig
) -> tuple[ImageSet, Tensor | None]:
    """Return the training images with their labels as given, and the true labels [N] if noisy.

    Args:
        images: As `_take` returns them.
        positions: [N] where they are in the pool, class by class, each in its random order.
        config: The split.
    """
    if not config.label_noise:
        return images, None
    given = torch.from_numpy(planned_labels(config).given)[positions.argsort()]
    return replace(images, labels=given), images.labels


def _check_held(source: LoadedSource, *sets: ImageSet) -> None:
    if source.cut is None:
        return
    wanted = torch.cat([images.original_indices for images in sets]).numpy()
    num_missing = int((~source.cut.is_held[wanted]).sum())
    if num_missing:
        raise DatasetUnavailable(
            f"The data folder holds only a cut of {facts_of(source.name).title} "
            f"({source.cut.split}), which lacks {num_missing} of the {len(wanted)} images of this "
            "split: choose a split inside the cut, or put the whole data set there."
        )


def _fingerprint(*sets: ImageSet) -> str:
    digest = hashlib.sha256()
    for images in sets:  # each is sorted by original index
        digest.update(len(images).to_bytes(8, "little"))
        for tensor in (images.original_indices, images.labels, images.images):
            digest.update(tensor.numpy().data)
    return digest.hexdigest()[:16]
