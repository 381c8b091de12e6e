from pathlib import Path

import numpy as np
import pytest

from bikd_core.config import ConfigError, DataConfig, RunConfig
from bikd_core.data.counts import planned_counts
from bikd_core.data.image_set import LoadedSource, load_source
from bikd_core.data.label_noise import planned_labels
from bikd_core.data.long_tail import load_split, make_split
from bikd_core.data.possible import check_possible
from bikd_core.teachers.files import train_fingerprint

KINDS = ("uniform", "by_count", "pairs")


def noisy(kind: str = "uniform", share: float = 0.3, **values) -> DataConfig:
    return DataConfig(label_noise=share, label_noise_kind=kind, **values)


def drawn_over_seeds(kind: str, share: float = 0.3, seeds: int = 60) -> tuple[np.ndarray, ...]:
    """True and given labels of the images of many split seeds, [seeds * N] each."""
    labels = [planned_labels(noisy(kind, share, split_seed=seed)) for seed in range(seeds)]
    return np.concatenate([one.true for one in labels]), np.concatenate([o.given for o in labels])


@pytest.fixture(scope="module")
def digits() -> LoadedSource:
    return load_source("digits", Path())


@pytest.mark.parametrize("share", [0.1, 0.3, 0.9])
def test_pairs_give_exactly_that_share_the_label_of_the_next_class(share):
    labels = planned_labels(noisy("pairs", share))
    changed = labels.given != labels.true
    assert changed.sum() == round(share * 293)
    np.testing.assert_array_equal(labels.given[changed], (labels.true[changed] + 1) % 10)


@pytest.mark.parametrize(("kind", "exponent"), [("uniform", 0), ("by_count", 1)])
def test_redrawn_labels_follow_the_kind_and_can_come_out_the_same(kind, exponent):
    counts = np.array(planned_counts(DataConfig()))
    chance = counts**exponent / (counts**exponent).sum()
    true, given = drawn_over_seeds(kind)
    # One image of each class is never drawn.
    truth = (counts - 1) / (counts - 1).sum()
    expected_wrong = round(0.3 * 293) * (1 - (truth * chance).sum()) * 60
    wrong = given != true
    assert wrong.sum() == pytest.approx(expected_wrong, rel=0.03)
    # A wrong label is one of the other classes, by their chances.
    for label in (0, 1):
        found = np.bincount(given[wrong & (true == label)], minlength=10)
        others = np.where(np.arange(10) == label, 0, chance)
        expected = others / others.sum() * found.sum()
        assert np.abs(found - expected).max() <= 4 * np.sqrt(expected.max())


@pytest.mark.parametrize("kind", KINDS)
def test_a_split_seed_draws_the_same_labels_again_and_another_one_others(kind):
    first, again, other = (planned_labels(noisy(kind, split_seed=seed)).given for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_larger_share_only_adds_to_the_labels_drawn(kind):
    less, more = (planned_labels(noisy(kind, share)) for share in (0.2, 0.5))
    changed = less.given != less.true
    np.testing.assert_array_equal(less.given[changed], more.given[changed])
    assert (more.given != more.true).sum() > changed.sum()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("values", [{}, {"imbalance": "step"}, {"shuffle_classes": True}])
def test_each_label_keeps_an_image_that_is_truly_of_it(kind, values):
    for seed in range(20):
        labels = planned_labels(noisy(kind, 0.9, split_seed=seed, **values))
        right = np.bincount(labels.true[labels.given == labels.true], minlength=10)
        assert right.min() >= 1
        assert min(labels.counts) >= 1


def test_counts_are_those_of_the_labels():
    labels = planned_labels(noisy("by_count"))
    for label in range(10):
        has = labels.given == label
        assert labels.counts[label] == has.sum()
        assert labels.wrong_counts[label] == (has & (labels.true != label)).sum()
    assert sum(labels.counts) == 293


def test_noise_that_would_empty_a_class_is_refused_in_one_sentence():
    values = {"head_count": 20, "imbalance_factor": 20, "label_noise": 0.9}
    message = (
        "label_noise = 0.9 is not possible: it must be at most 0.84, because one image of each "
        "class keeps its label, 10 of 64."
    )
    config = RunConfig.from_flat(values)
    for check in (
        lambda: check_possible(config),
        lambda: load_split(config.data, Path("/nowhere")),
    ):
        with pytest.raises(ConfigError) as refusal:
            check()
        assert str(refusal.value) == message
    check_possible(config.changed(label_noise=0.84))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("values", [{}, {"shuffle_classes": True, "split_seed": 3}])
def test_a_split_has_the_planned_labels_and_clean_sets_to_judge_by(digits, kind, values):
    clean, split = (
        make_split(digits, DataConfig(**values)),
        make_split(digits, noisy(kind, **values)),
    )
    planned = planned_labels(noisy(kind, **values))
    assert split.class_counts == clean.class_counts == planned_counts(DataConfig(**values))
    assert split.label_counts == planned.counts
    assert split.train.images.equal(clean.train.images)
    assert split.true_labels.equal(clean.train.labels)
    assert split.true_labels.equal(digits.pool.labels[split.train.original_indices])
    pairs = list(zip(split.true_labels.tolist(), split.train.labels.tolist(), strict=True))
    expected = zip(planned.true.tolist(), planned.given.tolist(), strict=True)
    assert sorted(pairs) == sorted(expected)
    for name in ("val", "test"):
        noisy_set, clean_set = getattr(split, name), getattr(clean, name)
        assert noisy_set.labels.equal(clean_set.labels)
        assert noisy_set.original_indices.equal(clean_set.original_indices)


def test_a_larger_factor_keeps_the_first_image_of_each_class_right(digits):
    for factor in (1, 50, 100):
        split = make_split(digits, noisy(share=0.8, imbalance_factor=factor))
        clean = make_split(digits, DataConfig(imbalance_factor=100))
        [last] = clean.train.original_indices[clean.train.labels == 9].tolist()
        at = split.train.original_indices.tolist().index(last)
        assert split.train.labels[at] == split.true_labels[at] == 9


def test_noisy_splits_have_fingerprints_of_their_own(digits):
    configs = [DataConfig(), noisy(), noisy("by_count"), noisy("pairs"), noisy(share=0.2)]
    splits = [make_split(digits, config) for config in configs]
    assert len({split.fingerprint for split in splits}) == len(configs)
    assert len({train_fingerprint(split) for split in splits}) == len(configs)


def test_without_noise_the_split_is_what_it_was_whatever_the_kind(digits):
    for kind in KINDS:
        split = make_split(digits, noisy(kind, 0.0))
        assert split.true_labels is None
        assert split.label_counts == split.class_counts
        assert split.fingerprint == "d52a5c3a543299e3"
