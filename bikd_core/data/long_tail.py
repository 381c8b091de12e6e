"""The split of a data set: a long-tailed training set, a balanced D_val and a balanced test set.

    pool of each class, in an order drawn with `split_seed`
    ┌───────┬──────────────────────────┬─ ─ ─ ─ ─ ─ ─┬──────────────────────┐
    │ D_val │ train: the first n_c     │ not used    │ test, if not official│
    └───────┴──────────────────────────┴─ ─ ─ ─ ─ ─ ─┴──────────────────────┘

D_val is taken from the start, before the training images, and the test set from the end. So a
larger factor only removes training images, and neither of the two balanced sets changes with the
other's size or with the tail. Label noise changes labels of training images alone.

D_val may be altered: have a tail of its own, be copied from the training images (its place in the
pool is then not used), have labels drawn anew or images corrupted. Training images begin behind
`val_per_class` images, or behind `val_reserve` if that is more, whatever D_val takes of them: so
they are the same under all these controls, and so is the test set.

A data set of somebody's own may come with a D_val, as published ones come with a test set: then it
is taken from that, and D_tr begins at the pool's first image.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bikd_core.config import DataConfig
from bikd_core.data.corruption import corrupted
from bikd_core.data.counts import planned_counts, planned_starts, planned_test_counts
from bikd_core.data.image_set import ImageSet, LoadedSource, load_source
from bikd_core.data.label_noise import PlannedLabels, planned_labels
from bikd_core.data.sources import DatasetUnavailable, Progress, facts_of
from bikd_core.data.val_plan import planned_val_counts, planned_val_labels

_COPIES = (
    1_000_002  # tells the draws of D_val's copies from the other ones of a split seed and a class
)


@dataclass(frozen=True, eq=False)
class LongTailSplit:
    """The images of a run: disjoint sets to train, validate and test on, C classes, on the CPU."""

    dataset: str
    class_names: tuple[str, ...]  # [C]
    train: ImageSet  # its labels as they are given, be they right or wrong
    val: ImageSet  # its images and labels as they are given to the run
    test: ImageSet
    class_counts: tuple[int, ...]  # [C] training images truly of each class, in label order
    mean: tuple[float, ...]  # per channel, of the training images, in [0, 1]
    std: tuple[float, ...]
    fingerprint: str  # 16 hex digits; equal for equal images and labels in equal roles
    true_labels: Tensor | None = None  # int64 [N] of the training images; None without label noise
    is_val_from_train: bool = False  # whether D_val is a copy of training images

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
    pool, seed = source.pool, config.split_seed
    orders = _orders(pool, len(counts), seed)
    places = zip(orders, planned_starts(config), counts, strict=True)
    train = [order[start : start + count] for order, start, count in places]
    train_set, true_labels = _with_given_labels(_take(pool, train), train, config)
    if config.val_from == "pool":
        from_where = source.val or pool
        val_orders = orders if source.val is None else _orders(source.val, len(counts), seed)
        val_set = _val_set(from_where, val_orders, config)
    else:
        val_set = _val_set(train_set, _orders(train_set, len(counts), seed, _COPIES), config)
    tests = planned_test_counts(config)
    if source.test is None:
        taken = [order[-num:] for order, num in zip(orders, tests, strict=True)]
        test_set = _take(pool, taken)
    else:
        orders = _orders(source.test, len(counts), seed)
        taken = [order[:num] for order, num in zip(orders, tests, strict=True)]
        test_set = _take(source.test, taken)
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
        is_val_from_train=config.val_from == "train",
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


def _orders(images: ImageSet, num_classes: int, split_seed: int, *stream: int) -> list[Tensor]:
    """Return the positions of each class's images, [N_class], in a random order of its own.

    A stream tells the draws from others of the split seed and the class.
    """
    orders = []
    for label in range(num_classes):
        positions = (images.labels == label).nonzero()[:, 0]
        order = np.random.default_rng([split_seed, label, *stream]).permutation(len(positions))
        orders.append(positions[torch.from_numpy(order)])
    return orders


def _take(images: ImageSet, positions: list[Tensor]) -> ImageSet:
    """Return those images in the order of the file, so that no class comes first."""
    return images[torch.cat(positions).sort().values]


def _with_given_labels(
    images: ImageSet, taken: list[Tensor], config: DataConfig
) -> tuple[ImageSet, Tensor | None]:
    """Return the training images with their labels as given, and the true labels [N] if noisy.

    Args:
        images: As `_take` returns them.
        taken: Where they are in the pool, class by class, each in its random order.
        config: The split.
    """
    if not config.label_noise:
        return images, None
    return _relabelled(images, taken, planned_labels(config)), images.labels


def _relabelled(images: ImageSet, taken: list[Tensor], planned: PlannedLabels) -> ImageSet:
    """Return what `_take` gave for some positions, with the labels planned in their order."""
    given = torch.from_numpy(planned.given)[torch.cat(taken).argsort()]
    return replace(images, labels=given)


def _val_set(source: ImageSet, orders: list[Tensor], config: DataConfig) -> ImageSet:
    """Return D_val as it is given to the run.

    Args:
        source: The pool; for copies, the training images.
        orders: The positions of each class's images there, [N_class], in a random order.
        config: The split.
    """
    counts = planned_val_counts(config)
    taken = [order[:count] for order, count in zip(orders, counts, strict=True)]
    images = _take(source, taken)
    if config.val_label_noise:
        images = _relabelled(images, taken, planned_val_labels(config))
    return corrupted(images, config)


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
