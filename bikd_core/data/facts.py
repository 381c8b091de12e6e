"""What is known of each data set before a picture is read, and the counts a split will have.

Without torch, so that a page can redraw the class counts while a slider moves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bikd_core.config import ConfigError, DataConfig

MAX_IMBALANCE_FACTOR = 200


@dataclass(frozen=True, kw_only=True)
class DatasetFacts:
    """One data set. The pool is what D_val and the training images are cut from."""

    title: str
    num_classes: int
    class_names: tuple[str, ...]
    channels: int
    size: int  # height = width, pixels
    pool_per_class: int  # pool images of the rarest class
    has_test: bool  # an official test set; else the test images are cut from the pool too
    default_test_per_class: int  # with an official test set, also the most there are
    download_mb: float  # 10^6 bytes; 0: nothing to download


_DIGIT_NAMES = tuple("0123456789")
_CIFAR10_NAMES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())
_CIFAR100_NAMES = tuple(
    """apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
    butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab
    crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard
    lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
    oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
    possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
    spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
    train trout tulip turtle wardrobe whale willow_tree wolf woman worm""".split()
)
_FASHION_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

DATASETS: dict[str, DatasetFacts] = {
    "digits": DatasetFacts(
        title="Digits 8×8",
        num_classes=10,
        class_names=_DIGIT_NAMES,
        channels=1,
        size=8,
        pool_per_class=174,
        has_test=False,
        default_test_per_class=58,
        download_mb=0,
    ),
    "fashion_mnist": DatasetFacts(
        title="Fashion-MNIST",
        num_classes=10,
        class_names=_FASHION_NAMES,
        channels=1,
        size=28,
        pool_per_class=6000,
        has_test=True,
        default_test_per_class=1000,
        download_mb=30.9,
    ),
    "kmnist": DatasetFacts(
        title="Kuzushiji-MNIST",
        num_classes=10,
        class_names=tuple("o ki su tsu na ha ma ya re wo".split()),
        channels=1,
        size=28,
        pool_per_class=6000,
        has_test=True,
        default_test_per_class=1000,
        download_mb=21.2,
    ),
    "svhn": DatasetFacts(
        title="Street View House Numbers",
        num_classes=10,
        class_names=_DIGIT_NAMES,
        channels=3,
        size=32,
        pool_per_class=4659,
        has_test=True,
        default_test_per_class=1595,
        download_mb=246.3,
    ),
    "cifar10": DatasetFacts(
        title="CIFAR-10",
        num_classes=10,
        class_names=_CIFAR10_NAMES,
        channels=3,
        size=32,
        pool_per_class=5000,
        has_test=True,
        default_test_per_class=1000,
        download_mb=170.5,
    ),
    "cifar100": DatasetFacts(
        title="CIFAR-100",
        num_classes=100,
        class_names=_CIFAR100_NAMES,
        channels=3,
        size=32,
        pool_per_class=500,
        has_test=True,
        default_test_per_class=100,
        download_mb=169.0,
    ),
}


def facts_of(dataset: str) -> DatasetFacts:
    """The facts of a data set.

    Raises:
        ConfigError: There is no such data set.
    """
    if dataset not in DATASETS:
        raise _refusal("dataset", dataset, f"one of {', '.join(DATASETS)}")
    return DATASETS[dataset]


def long_tail_counts(
    num_classes: int,
    head_count: int,
    imbalance_factor: float,
    imbalance: Literal["exponential", "step"] = "exponential",
) -> tuple[int, ...]:
    """Images per class, most frequent first, truncated as in every published split.

    Exponential: n_c = head_count · ρ^(−c / (C − 1)). Step: the first half of the classes (the
    larger half, if C is odd) has head_count images each, the others head_count / ρ.

    Args:
        num_classes: C, at least 2.
        head_count: Images in the largest class, at least 1.
        imbalance_factor: ρ = largest count / smallest count, 1 … min(200, head_count). (Some
            published code passes 1/ρ; here larger always means more skewed.)
        imbalance: Shape of the profile.

    Raises:
        ConfigError: An argument is out of range; the smallest class would get no image.

    Source: Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019,
        arXiv:1901.05555; its truncation is the published code's.
    """
    if num_classes < 2:
        raise _refusal("num_classes", num_classes, "at least 2")
    if head_count < 1:
        raise _refusal("head_count", head_count, "at least 1")
    limit = min(MAX_IMBALANCE_FACTOR, head_count)
    if not 1 <= imbalance_factor <= limit:  # also refuses what is not a number
        why = f", for the largest class has {head_count} images and the smallest needs one"
        right = f"a number from 1 to {limit}" + (why if limit == head_count else "")
        raise _refusal("imbalance_factor", imbalance_factor, right)
    if imbalance == "step":
        exponents = [float(c >= math.ceil(num_classes / 2)) for c in range(num_classes)]
    elif imbalance == "exponential":
        exponents = [c / (num_classes - 1) for c in range(num_classes)]
    else:
        raise _refusal("imbalance", imbalance, "exponential or step")
    # 49 · 49⁻¹ is a little below 1 in floating point, and would be truncated to an empty class.
    return tuple(int(head_count * imbalance_factor**-x + 1e-9) for x in exponents)


def num_test_per_class(config: DataConfig) -> int:
    """Test images per class.

    Raises:
        ConfigError: The official test set has fewer.
    """
    facts = facts_of(config.dataset)
    asked = config.test_per_class
    if asked is None:
        return facts.default_test_per_class
    if facts.has_test and asked > facts.default_test_per_class:
        right = f"at most {facts.default_test_per_class}, what {facts.title}'s test set has"
        raise _refusal("test_per_class", asked, right)
    return asked


def head_count_of(config: DataConfig) -> int:
    """Images in the largest class: `config.head_count`, or all that D_val and the test set leave.

    Raises:
        ConfigError: D_val or the test set is larger than the data set allows, or leaves fewer
            images than `config.head_count`.
    """
    facts = facts_of(config.dataset)
    num_test = num_test_per_class(config)
    cut_for_test = 0 if facts.has_test else num_test
    room = facts.pool_per_class - cut_for_test
    has = f"{facts.title}'s rarest class has {facts.pool_per_class} images"
    if room < 2:
        right = f"at most {facts.pool_per_class - 2}: {has}, and D_val and training need some too"
        raise _refusal("test_per_class", cut_for_test, right)
    if config.val_per_class >= room:
        used = f", {cut_for_test} are for the test set" if cut_for_test else ""
        right = f"at most {room - 1}: {has}{used}, and training needs one"
        raise _refusal("val_per_class", config.val_per_class, right)
    left = room - config.val_per_class
    if config.head_count is None:
        return left
    if config.head_count > left:
        right = f"at most {left}, what D_val and the test set leave of {facts.title}'s rarest class"
        raise _refusal("head_count", config.head_count, right)
    return config.head_count


def max_imbalance_factor(config: DataConfig) -> int:
    """The largest factor at which the smallest class keeps an image.

    Raises:
        ConfigError: As `head_count_of`.
    """
    return min(MAX_IMBALANCE_FACTOR, head_count_of(config))


def planned_counts(config: DataConfig) -> tuple[int, ...]:
    """Training images per class in label order, exactly as the split will have them.

    Raises:
        ConfigError: As `head_count_of` and `long_tail_counts`.
    """
    num_classes = facts_of(config.dataset).num_classes
    ranked = long_tail_counts(
        num_classes, head_count_of(config), config.imbalance_factor, config.imbalance
    )
    if not config.shuffle_classes:
        return ranked
    order = np.random.default_rng([config.split_seed, num_classes]).permutation(num_classes)
    return tuple(ranked[rank] for rank in order)


def _refusal(name: str, value: object, right: str) -> ConfigError:
    return ConfigError(f"{name} = {value!r} is not possible: it must be {right}.")
