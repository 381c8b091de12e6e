"""Out-of-fold teachers: K of them, each trained without its own fold of D_tr.

A teacher fits the images that it was trained on, so that its loss there says nothing about them.
An image's out-of-fold teacher is the one whose fold the image is in: it has not seen it. Folds
count from 0 here, and from 1 for people. B images of a batch, N images of a set, C classes.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from bikd_core.config import ConfigError, listed
from bikd_core.data.image_set import to_device
from bikd_core.data.long_tail import LongTailSplit

_MOST_NAMED = 5  # classes in a warning; more are only counted


def deal(labels: Tensor, num_folds: int, seed: int) -> Tensor:
    """Return the fold of each image, stratified by class; (N,) -> (N,), from 0 to K - 1.

    The images of a class are dealt to the folds in a random order of their own, and the deal goes
    on with the next class: so the folds differ by at most one image in each class, and in all.

    Args:
        labels: (N,), on the CPU.
        num_folds: K.
        seed: Seeds the orders, together with the class and K.
    """
    orders = []
    for label in sorted(set(labels.tolist())):
        members = (labels == label).nonzero()[:, 0]
        order = np.random.default_rng([seed, label, num_folds]).permutation(len(members))
        orders.append(members[torch.from_numpy(order)])
    folds = torch.empty_like(labels)
    folds[torch.cat(orders)] = torch.arange(len(labels)) % num_folds
    return folds


def split_without(split: LongTailSplit, num_folds: int, fold: int, seed: int) -> LongTailSplit:
    """Return the split whose training images are those outside a fold; the rest is the same.

    Images are normalised as in the whole split, since the run that asks the teacher does so.

    Raises:
        ConfigError: There are fewer training images than folds.
    """
    if len(split.train) < num_folds:
        raise ConfigError(
            f"teacher_folds = {num_folds} is not possible: it must be at most {len(split.train)}, "
            "the number of training images."
        )
    is_kept = deal(split.train.labels, num_folds, seed) != fold
    true_labels = None if split.true_labels is None else split.true_labels[is_kept]
    labels = split.train.labels[is_kept] if true_labels is None else true_labels
    counts = torch.bincount(labels, minlength=len(split.class_counts)).tolist()
    name = f"{split.fingerprint} without fold {fold} of {num_folds}"
    return dataclasses.replace(
        split,
        train=split.train[is_kept],
        class_counts=tuple(counts),
        true_labels=true_labels,
        fingerprint=hashlib.sha256(name.encode()).hexdigest()[:16],
    )


class OutOfFold:
    """Asks, about each image of a batch, the one teacher that has not seen it.

    The images of D_val follow those of D_tr. None of these teachers has seen them, so each of them
    is dealt to one teacher too: an image costs one forward pass, whichever set it is in. Copies of
    training images go to the teacher that has not seen the original.

    Args:
        teachers: K teachers by fold, on the batches' device.
        split: Gives the labels of D_tr and of D_val.
        seed: The seed of the deal.
    """

    def __init__(self, teachers: Sequence[nn.Module], split: LongTailSplit, seed: int) -> None:
        self.teachers = tuple(teachers)
        folds = deal(split.train.labels, len(teachers), seed)
        if split.is_val_from_train:
            originals = split.train.original_indices  # sorted
            of_val = folds[torch.searchsorted(originals, split.val.original_indices)]
        else:
            of_val = deal(split.val.labels, len(teachers), seed)
        self.folds = torch.cat([folds, of_val])

    def logits(self, images: Tensor, positions: Tensor) -> Tensor:
        """Return each image's logits by the teacher that has not seen it; -> (B, C).

        The batch is grouped by fold on the CPU, so that a GPU need not wait for it.

        Args:
            images: (B, channels, H, W).
            positions: (B,), on the CPU: in D_tr, or behind it in D_val.
        """
        folds = self.folds[positions]
        order = folds.argsort(stable=True)
        sizes = torch.bincount(folds, minlength=len(self.teachers)).tolist()
        grouped = torch.split(images[to_device(order, images.device)], sizes)
        asked = zip(self.teachers, grouped, strict=True)
        with torch.no_grad():
            logits = torch.cat([teacher(part) for teacher, part in asked if len(part)])
        return logits[to_device(order.argsort(), images.device)]


def single_image_warning(split: LongTailSplit, num_folds: int) -> str:
    """Return what follows from classes with one training image; "" if there are none."""
    single = [n for n, c in zip(split.class_names, split.label_counts, strict=True) if c == 1]
    if not single:
        return ""
    if len(single) > _MOST_NAMED:
        single = [*single[:_MOST_NAMED], f"{len(single) - _MOST_NAMED} more"]
    named = listed(single)
    have = f"class {named} has one training image"
    if len(single) > 1:
        have = f"classes {named} have one training image each"
    return (
        f"teacher_folds = {num_folds}: {have}, and the teacher that judges it has never seen an "
        "image of its class."
    )
