"""What D_val will hold, planned before an image is read: images of each class, and their labels.

Without torch, so that a page can say it. M images of D_val, C classes.
"""

from __future__ import annotations

import numpy as np

from bikd_core.config import DataConfig, listed
from bikd_core.data.counts import planned_pool_val_counts
from bikd_core.data.label_noise import PlannedLabels, draws_of_each, planned_labels

_NOISE = 1_000_003  # tells these draws from the other ones of a split seed and a class


def planned_val_counts(config: DataConfig) -> tuple[int, ...]:
    """Return D_val's images per class in label order, before its own label noise: C numbers.

    Of training images it takes as many as the pool would give, or all that have the label.

    Raises:
        ConfigError: The split is not possible.
    """
    wanted = planned_pool_val_counts(config)
    if config.val_from == "pool":
        return wanted
    return tuple(min(pair) for pair in zip(wanted, planned_labels(config).counts, strict=True))


def planned_val_labels(config: DataConfig) -> PlannedLabels:
    """Return D_val's labels before and after its own label noise, class by class, [M] each.

    The share `val_label_noise`, to the nearest whole number of images, has its label drawn anew
    from all classes alike, the old one too. A class may be left without an image. A larger share
    draws more labels anew and leaves those that were drawn before.

    Raises:
        ConfigError: The split is not possible.
    """
    counts = planned_val_counts(config)
    before = np.repeat(np.arange(len(counts)), counts)
    given = before.copy()
    num_drawn = round(config.val_label_noise * len(before))
    if num_drawn:
        turn, place = draws_of_each(config.split_seed, counts, _NOISE)
        drawn = np.argsort(turn, kind="stable")[:num_drawn]
        given[drawn] = (place[drawn] * len(counts)).astype(np.int64)
    return PlannedLabels(before, given)


def size_in_words(config: DataConfig) -> str:
    """Return how large D_val is and what was done to it: "10 images of each class"."""
    words = [f"{config.val_per_class} images of each class"]
    if config.val_imbalance_factor > 1:
        words = [
            f"{config.val_per_class} images of its largest class",
            f"imbalance factor {config.val_imbalance_factor:g}",
        ]
    if config.val_from == "train":
        words[0] = f"copies of at most {words[0]} in D_tr"
    if config.val_label_noise:
        words.append(f"{100 * config.val_label_noise:g} % of its labels drawn anew")
    if config.val_corruption != "none":
        words.append(f"{config.val_corruption} of strength {config.val_corruption_strength:g}")
    return listed(words)
