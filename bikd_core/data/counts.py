"""How many images of each class a split will have, known before an image is read.

Without torch, so that a page can redraw the class counts while a slider moves.

"natural" keeps what each class of the pool has. D_val and the test set, where they do not come with
the pool, take the number that is asked for, but of a small class at most a third each: so a class
of 3 gives one picture to each of the three sets.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from bikd_core.config import ConfigError, DataConfig, SourceFacts
from bikd_core.data.sources import facts_of

MAX_IMBALANCE_FACTOR = 200
NATURAL_TEST = 100  # test images of a class in a natural split, where nothing else is asked for


def long_tail_counts(
    num_classes: int,
    head_count: int,
    imbalance_factor: float,
    imbalance: Literal["exponential", "step"] = "exponential",
) -> tuple[int, ...]:
    """Return the images per class, most frequent first, truncated as in every published split.

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
        why = f", because the largest class has {head_count} images and the smallest needs one"
        right = f"a number from 1 to {limit}" + (why if limit == head_count else "")
        raise _refusal("imbalance_factor", imbalance_factor, right)
    return _profile(num_classes, head_count, imbalance_factor, imbalance)


def _profile(
    num_classes: int, head_count: int, imbalance_factor: float, imbalance: str
) -> tuple[int, ...]:
    """Return the images per class, most frequent first; a class may be left without one."""
    if imbalance == "step":
        exponents = [float(c >= math.ceil(num_classes / 2)) for c in range(num_classes)]
    elif imbalance == "exponential":
        exponents = [c / (num_classes - 1) for c in range(num_classes)]
    else:
        raise _refusal("imbalance", imbalance, "exponential or step")
    # 49 · 49⁻¹ is a little below 1 in floating point, and would be truncated to an empty class.
    return tuple(int(head_count * imbalance_factor**-x + 1e-9) for x in exponents)


def num_test_per_class(config: DataConfig) -> int:
    """Return the number of test images of each class.

    Raises:
        ConfigError: The official test set has fewer.
    """
    facts = facts_of(config.dataset)
    if config.test_per_class is None:
        return facts.default_test_per_class
    if facts.has_test and config.test_per_class > facts.default_test_per_class:
        right = f"at most {facts.default_test_per_class}, what {facts.title}'s test set has"
        raise _refusal("test_per_class", config.test_per_class, right)
    return config.test_per_class


def head_count_of(config: DataConfig) -> int:
    """Return the number of training images in the largest class.

    It is `config.head_count`, or else all that D_val and the test set leave.

    Raises:
        ConfigError: D_val or the test set is larger than the data set allows, or leaves fewer
            images than `config.head_count`.
    """
    facts = facts_of(config.dataset)
    num_test = num_test_per_class(config)
    _check_val_that_comes(config, facts)
    taken_for_test = 0 if facts.has_test else num_test
    room = facts.pool_per_class - taken_for_test
    has = f"{facts.title}'s rarest class has {facts.pool_per_class} images"
    if room < 2:
        right = f"at most {facts.pool_per_class - 2}: {has}, and D_val and training need one each"
        raise _refusal("test_per_class", taken_for_test, right)
    num_reserved = 0 if facts.has_val else config.num_reserved
    if num_reserved >= room:
        used = f", {taken_for_test} of them for the test set" if taken_for_test else ""
        right = f"at most {room - 1}: {has}{used}, and training needs one"
        name = "val_per_class" if num_reserved == config.val_per_class else "val_reserve"
        raise _refusal(name, num_reserved, right)
    left = room - num_reserved
    if config.head_count is None:
        return left
    if config.head_count > left:
        right = f"at most {left}, what D_val and the test set leave of {facts.title}'s rarest class"
        raise _refusal("head_count", config.head_count, right)
    return config.head_count


def _check_val_that_comes(config: DataConfig, facts: SourceFacts) -> None:
    if facts.has_val and config.val_per_class > min(facts.val_counts):
        right = f"at most {min(facts.val_counts)}, what {facts.title}'s D_val has of its rarest"
        raise _refusal("val_per_class", config.val_per_class, f"{right} class")


def max_imbalance_factor(config: DataConfig) -> int:
    """Return the largest factor at which the smallest class keeps an image.

    Raises:
        ConfigError: As `head_count_of`.
    """
    return min(MAX_IMBALANCE_FACTOR, head_count_of(config))


def planned_counts(config: DataConfig) -> tuple[int, ...]:
    """Return the training images per class in label order, exactly as the split will have them.

    Raises:
        ConfigError: As `head_count_of` and `long_tail_counts`.
    """
    facts = facts_of(config.dataset)
    if config.imbalance == "natural":
        return _natural_counts(config, facts)
    ranked = long_tail_counts(
        facts.num_classes, head_count_of(config), config.imbalance_factor, config.imbalance
    )
    return _in_label_order(ranked, config)


def _natural_counts(config: DataConfig, facts: SourceFacts) -> tuple[int, ...]:
    """Return what D_val and the test set leave of each class, `head_count` at most."""
    _check_official_test(config, facts)
    starts = planned_starts(config)
    tests = (0,) * facts.num_classes if facts.has_test else planned_test_counts(config)
    pairs = zip(facts.pool_of_each, starts, tests, strict=True)
    counts = tuple(count - start - test for count, start, test in pairs)
    if min(counts) < 1:
        label = counts.index(min(counts))
        has = facts.pool_of_each[label]
        raise ConfigError(
            f"imbalance = 'natural' is not possible: {facts.title}'s class "
            f"{facts.class_names[label]!r} has {has} image{'s' * (has != 1)}, and needs "
            f"{least_of_a_class(facts)}: one to train on"
            f"{'' if facts.has_val else ', one for D_val'}"
            f"{'' if facts.has_test else ', one to test'}."
        )
    return tuple(min(count, config.head_count or count) for count in counts)


def least_of_a_class(facts: SourceFacts) -> int:
    """Return the pool images that each class of a natural split needs."""
    return 1 + (not facts.has_val) + (not facts.has_test)


def planned_starts(config: DataConfig) -> tuple[int, ...]:
    """Return the pool images of each class that lie before D_tr, in label order: D_val's place.

    They are `DataConfig.num_reserved`; none, where a D_val comes with the pool.
    """
    facts = facts_of(config.dataset)
    if facts.has_val:
        return (0,) * facts.num_classes
    if config.imbalance != "natural":
        return (config.num_reserved,) * facts.num_classes
    return tuple(min(config.num_reserved, _third(count)) for count in facts.pool_of_each)


def _third(count: int) -> int:
    return max(1, count // 3)


def planned_test_counts(config: DataConfig) -> tuple[int, ...]:
    """Return the test images of each class, in label order.

    Raises:
        ConfigError: As `num_test_per_class`.
    """
    facts = facts_of(config.dataset)
    if config.imbalance != "natural":
        return (num_test_per_class(config),) * facts.num_classes
    if facts.has_test:
        _check_official_test(config, facts)
        return tuple(min(config.test_per_class or count, count) for count in facts.test_of_each)
    wanted = config.test_per_class or max(NATURAL_TEST, facts.default_test_per_class)
    return tuple(min(wanted, _third(count)) for count in facts.pool_of_each)


def _check_official_test(config: DataConfig, facts: SourceFacts) -> None:
    """Refuse more test images than any class of the official test set has."""
    if facts.has_test and (config.test_per_class or 0) > max(facts.test_of_each):
        right = f"at most {max(facts.test_of_each)}, what {facts.title}'s test set has of a class"
        raise _refusal("test_per_class", config.test_per_class, right)


def planned_pool_val_counts(config: DataConfig) -> tuple[int, ...]:
    """Return D_val's images per class in label order, where it comes from the pool.

    They fall as D_tr's do, by a factor of their own: same shape, same order of the classes. Each
    class has one at least. In a natural split none has more than lies before D_tr.
    """
    facts = facts_of(config.dataset)
    head, factor = config.val_per_class, config.val_imbalance_factor
    shape = "exponential" if config.imbalance == "natural" else config.imbalance
    ranked = tuple(max(1, count) for count in _profile(facts.num_classes, head, factor, shape))
    if config.imbalance != "natural":
        return _in_label_order(ranked, config)
    order = sorted(range(facts.num_classes), key=lambda label: -facts.pool_of_each[label])
    wanted = dict(zip(order, ranked, strict=True))
    there = facts.val_counts or planned_starts(config)
    return tuple(min(wanted[label], count) for label, count in enumerate(there))


def imbalance_words(config: DataConfig) -> str:
    """Return how long the tail is, in a few words: "imbalance factor 50", "natural counts"."""
    if config.imbalance == "natural":
        return "natural counts"
    return f"imbalance factor {config.imbalance_factor:g}"


def tail_words(config: DataConfig) -> str:
    """Return the form of the tail, in a few words: "exponential tail, factor 50"."""
    if config.imbalance == "natural":
        return "natural counts"
    return f"{config.imbalance} tail, factor {config.imbalance_factor:g}"


def size_of_test_set(config: DataConfig) -> str:
    """Return how large the test set is: "58 images of each class"."""
    counts = planned_test_counts(config)
    if min(counts) == max(counts):
        return f"{counts[0]} images of each class"
    return f"{min(counts)} to {max(counts)} images of a class"


def _in_label_order(ranked: tuple[int, ...], config: DataConfig) -> tuple[int, ...]:
    """Return counts of the classes by rank, most frequent first, in label order."""
    if not config.shuffle_classes:
        return ranked
    num_classes = len(ranked)
    order = np.random.default_rng([config.split_seed, num_classes]).permutation(num_classes)
    return tuple(ranked[rank] for rank in order)


def _refusal(name: str, value: object, right: str) -> ConfigError:
    return ConfigError(f"{name} = {value!r} is not possible: it must be {right}.")
