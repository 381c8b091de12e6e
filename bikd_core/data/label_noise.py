"""Which training images get a wrong label, planned before an image is read.

Without torch, so that a page can say how many labels will be wrong. N training images, C classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bikd_core.config import ConfigError, DataConfig
from bikd_core.data.counts import planned_counts

_NOISE = 1  # tells these draws from the other ones of a split seed and a class


class PlannedLabels(NamedTuple):
    """The labels of a set's images, class by class, each class in the split's order."""

    true: NDArray[np.int64]  # [N]: before label noise
    given: NDArray[np.int64]  # [N]: after it

    @property
    def counts(self) -> tuple[int, ...]:
        """The images with each label, as the labels are given: C numbers in label order."""
        return tuple(np.bincount(self.given, minlength=int(self.true.max()) + 1).tolist())

    @property
    def wrong_counts(self) -> tuple[int, ...]:
        """How many of the images with each label are truly of another class, C numbers."""
        wrong = self.given[self.given != self.true]
        return tuple(np.bincount(wrong, minlength=int(self.true.max()) + 1).tolist())


def planned_labels(config: DataConfig) -> PlannedLabels:
    """Return the true and the given labels of the training images, exactly as a split has them.

    The share `label_noise` of all images, to the nearest whole number, has its label drawn anew.
    The first image of each class is never among them, so that each label keeps an image that is
    truly of it. The kinds are:

    - uniform: from all classes alike, the old one too;
    - by_count: from all classes by their true counts, the old one too;
    - pairs: the next class in label order, after the last one the first.

    An image's draws depend on the split seed, its class and its place there alone. So a larger
    share draws more labels anew and leaves those that were drawn before.

    Raises:
        ConfigError: As `planned_counts`; too few images are left that may get a new label.
    """
    counts = np.array(planned_counts(config))
    num_classes, num_images = len(counts), int(counts.sum())
    true = np.repeat(np.arange(num_classes), counts)
    num_drawn = round(config.label_noise * num_images)
    _check_room(config, num_drawn, num_images, num_classes)
    if not num_drawn:
        return PlannedLabels(true, true)
    turn, place = draws_of_each(config.split_seed, counts, _NOISE)
    turn[np.cumsum(counts) - counts] = np.inf  # the first image of each class keeps its label
    drawn = np.argsort(turn, kind="stable")[:num_drawn]
    given = true.copy()
    if config.label_noise_kind == "pairs":
        given[drawn] = (true[drawn] + 1) % num_classes
    else:
        sizes = counts if config.label_noise_kind == "by_count" else np.ones_like(counts)
        ends = np.cumsum(sizes)
        given[drawn] = np.searchsorted(ends, place[drawn] * ends[-1], side="right")
    return PlannedLabels(true, given)


def draws_of_each(split_seed: int, counts: ArrayLike, stream: int) -> NDArray[np.float64]:
    """Return two numbers in [0, 1) for each image, [2, N], class by class.

    An image's numbers depend on the split seed, its class, its place there and the stream alone.

    Args:
        split_seed: The split.
        counts: Images of each class, [C].
        stream: Tells these draws from the other ones of a split seed and a class.
    """
    drawn = [
        np.random.default_rng([split_seed, label, stream]).random((count, 2))
        for label, count in enumerate(np.asarray(counts).tolist())
    ]
    return np.concatenate(drawn).T


def in_words(config: DataConfig) -> str:
    """Return what label noise does to a split, in a few words: "30 % changed to the next class"."""
    done = {
        "uniform": "drawn anew from all classes alike",
        "by_count": "drawn anew by the sizes of the classes",
        "pairs": "changed to the next class",
    }[config.label_noise_kind]
    return f"{100 * config.label_noise:g} % {done}"


def _check_room(config: DataConfig, num_drawn: int, num_images: int, num_classes: int) -> None:
    room = num_images - num_classes
    if num_drawn <= room:
        return
    largest = np.floor(100 * room / num_images) / 100
    raise ConfigError(
        f"label_noise = {config.label_noise!r} is not possible: it must be at most {largest:g}, "
        f"because one image of each class keeps its label, {num_classes} of {num_images:,}."
    )
