"""D_val with a tail of its own, copied from D_tr, with labels drawn anew or images corrupted."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from bikd_core.config import ConfigError, DataConfig, RunConfig
from bikd_core.data.corruption import blurred
from bikd_core.data.image_set import LoadedSource, load_source
from bikd_core.data.long_tail import LongTailSplit, load_split, make_split
from bikd_core.data.possible import check_possible
from bikd_core.data.val_plan import planned_val_counts, planned_val_labels, size_in_words
from bikd_core.speed import Speed
from bikd_core.teachers.files import train_fingerprint

ALTERED = [
    {"val_imbalance_factor": 4.0},
    {"val_from": "train"},
    {"val_label_noise": 1.0},
    {"val_corruption": "noise"},
    {"val_corruption": "blur", "val_corruption_strength": 1.0},
]
TAILS = [{}, {"imbalance": "step"}, {"shuffle_classes": True, "split_seed": 3}]


@pytest.fixture(scope="module")
def digits() -> LoadedSource:
    return load_source("digits", Path())


def split_of(source: LoadedSource, **values) -> LongTailSplit:
    return make_split(source, DataConfig(**values))


def counts_of(labels: torch.Tensor) -> tuple[int, ...]:
    return tuple(labels.bincount(minlength=10).tolist())


def assert_same_images(found, expected):
    for name in ("images", "labels", "original_indices"):
        assert torch.equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("altered", ALTERED, ids=str)
@pytest.mark.parametrize("others", [*TAILS, {"label_noise": 0.3, "val_per_class": 7}], ids=str)
def test_d_tr_its_teacher_and_the_test_set_stay_the_same(digits, altered, others):
    plain, found = split_of(digits, **others), split_of(digits, **others, **altered)
    assert_same_images(found.train, plain.train)
    assert_same_images(found.test, plain.test)
    assert train_fingerprint(found) == train_fingerprint(plain)
    assert (found.mean, found.std) == (plain.mean, plain.std)
    assert found.label_counts == plain.label_counts
    assert found.fingerprint != plain.fingerprint
    assert DataConfig(**others, **altered).with_plain_val == DataConfig(**others)


@pytest.mark.parametrize("altered", ALTERED, ids=str)
def test_the_split_seed_alone_draws_an_altered_d_val(digits, altered):
    one, same, other = (split_of(digits, split_seed=seed, **altered) for seed in (0, 0, 1))
    assert_same_images(one.val, same.val)
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_without_them_the_split_is_what_it_was(digits):
    assert split_of(digits, val_corruption_strength=1.0).fingerprint == "d52a5c3a543299e3"


# A tail of its own ------------------------------------------------------------------------------


@pytest.mark.parametrize("others", TAILS, ids=str)
@pytest.mark.parametrize("factor", [1.0, 2.5, 30.0, 200.0])
def test_d_val_falls_as_d_tr_does_and_each_class_keeps_an_image(digits, others, factor):
    config = DataConfig(val_per_class=30, val_imbalance_factor=factor, **others)
    split = make_split(digits, config)
    by_rank = sorted(range(10), key=lambda label: -split.class_counts[label])
    exponents = [float(rank > 4) if "imbalance" in others else rank / 9 for rank in range(10)]
    expected = [max(1, int(30 * factor**-x + 1e-9)) for x in exponents]
    found = counts_of(split.val.labels)
    # Equal counts of D_tr may stand in any order.
    assert sorted(found, reverse=True) == expected
    assert [found[label] for label in by_rank] == sorted(found, reverse=True)
    assert planned_val_counts(config) == found
    balanced = make_split(digits, config.with_plain_val).val.original_indices.tolist()
    assert set(split.val.original_indices.tolist()) <= set(balanced)


# Copies of training images ----------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("others", TAILS, ids=str)
def test_copies_are_training_images_with_their_labels_up_to_so_many_of_each(digits, others, noise):
    config = DataConfig(val_from="train", label_noise=noise, val_per_class=12, **others)
    split = make_split(digits, config)
    assert split.is_val_from_train
    rows = torch.searchsorted(split.train.original_indices, split.val.original_indices)
    assert len(set(rows.tolist())) == len(rows)
    assert_same_images(split.train[rows], split.val)
    expected = tuple(min(12, count) for count in split.label_counts)
    assert counts_of(split.val.labels) == expected == planned_val_counts(config)


def test_copies_may_have_a_tail_of_their_own(digits):
    split = split_of(digits, val_from="train", val_imbalance_factor=3.0)
    assert counts_of(split.val.labels) == (10, 8, 7, 6, 6, 5, 4, 4, 3, 2)


# Labels -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_that_share_of_the_labels_is_drawn_anew_from_all_classes_alike(share):
    configs = [
        DataConfig(val_label_noise=share, val_imbalance_factor=5.0, val_per_class=30, split_seed=s)
        for s in range(60)
    ]
    planned = [planned_val_labels(config) for config in configs]
    true, given = (
        np.concatenate([getattr(p, name) for p in planned]) for name in ("true", "given")
    )
    # One class in ten comes out as it was.
    assert (true != given).mean() == pytest.approx(0.9 * share, rel=0.03)
    wrong = true != given
    for label in (0, 9):
        drawn = np.bincount(given[wrong & (true == label)], minlength=10)
        others = np.where(np.arange(10) == label, 0, drawn.sum() / 9)
        assert np.abs(drawn - others).max() <= 4 * np.sqrt(others.max())


def test_a_larger_share_only_adds_to_the_labels_drawn():
    less, more = (planned_val_labels(DataConfig(val_label_noise=s)) for s in (0.3, 0.8))
    changed = less.given != less.true
    np.testing.assert_array_equal(less.given[changed], more.given[changed])
    assert (more.given != more.true).sum() > changed.sum()


@pytest.mark.parametrize("others", [{}, {"val_from": "train", "label_noise": 0.3}], ids=str)
def test_a_split_has_the_planned_labels_on_the_same_images(digits, others):
    before = split_of(digits, **others)
    config = DataConfig(val_label_noise=0.6, **others)
    after = make_split(digits, config)
    assert torch.equal(after.val.images, before.val.images)
    assert torch.equal(after.val.original_indices, before.val.original_indices)
    pairs = Counter(zip(before.val.labels.tolist(), after.val.labels.tolist(), strict=True))
    planned = planned_val_labels(config)
    assert pairs == Counter(zip(planned.true.tolist(), planned.given.tolist(), strict=True))
    assert (before.val.labels != after.val.labels).any()


def test_the_labels_drawn_do_not_depend_on_the_noise_of_d_tr(digits):
    one, other = (split_of(digits, val_label_noise=0.5, label_noise=n) for n in (0.0, 0.5))
    assert torch.equal(one.val.labels, other.val.labels)


# Images -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [0.05, 0.5])
def test_noise_has_that_deviation_and_is_cut_off_at_black_and_white(digits, strength):
    plain = split_of(digits, val_per_class=40).val
    found = split_of(
        digits, val_per_class=40, val_corruption="noise", val_corruption_strength=strength
    ).val
    assert torch.equal(found.labels, plain.labels)
    added = (found.images.double() - plain.images.double()) / 255
    is_inside = (found.images > 0) & (found.images < 255)
    if strength < 0.1:  # pixels in the middle are hardly ever cut off
        middle = (plain.images > 100) & (plain.images < 155) & is_inside
        assert float(added[middle].std()) == pytest.approx(strength, rel=0.05)
        assert float(added[middle].mean()) == pytest.approx(0, abs=0.005)
    # A black pixel stays black where its noise is below half a step: half of the time and a bit.
    stays = float((found.images[plain.images == 0] == 0).double().mean())
    assert stays == pytest.approx(0.5 + 0.4 * 0.5 / (255 * strength), abs=0.02)


def test_an_images_noise_does_not_depend_on_the_other_images(digits):
    few, many = (split_of(digits, val_corruption="noise", val_per_class=n).val for n in (3, 10))
    rows = torch.searchsorted(many.original_indices, few.original_indices)
    assert torch.equal(many.images[rows], few.images)


@pytest.mark.parametrize("deviation", [0.3, 1.0, 4.0])
def test_blur_is_scipys_gaussian_filter(deviation):
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (3, 2, 12, 9), dtype=np.uint8)
    expected = images.astype(float)
    for axis in (2, 3):
        expected = gaussian_filter1d(expected, deviation, axis=axis, mode="nearest")
    assert np.abs(blurred(images, deviation) - expected).max() <= 0.5 + 0.1
    flat = np.full((1, 1, 8, 8), 201, dtype=np.uint8)
    np.testing.assert_array_equal(blurred(flat, deviation), flat)


def test_blur_grows_with_its_strength_and_none_changes_nothing(digits):
    plain = split_of(digits).val.images
    spreads = [
        float(
            split_of(digits, val_corruption="blur", val_corruption_strength=s)
            .val.images.float()
            .std()
        )
        for s in (0.0, 0.3, 1.0)
    ]
    assert spreads[0] == float(plain.float().std()) > spreads[1] > spreads[2]
    expected = blurred(plain.numpy(), 0.5)  # half of an eighth of eight pixels
    found = split_of(digits, val_corruption="blur").val.images
    np.testing.assert_array_equal(found.numpy(), expected)


# What is set aside ------------------------------------------------------------------------------


def test_d_tr_stays_the_same_while_d_val_changes_below_its_reserve(digits):
    splits = [
        split_of(digits, val_per_class=size, val_reserve=50, imbalance_factor=20)
        for size in (1, 10, 50)
    ]
    for split in splits:
        assert_same_images(split.train, splits[0].train)
        assert_same_images(split.test, splits[0].test)
    assert counts_of(splits[1].val.labels) == (10,) * 10
    sizes = [set(split.val.original_indices.tolist()) for split in splits]
    assert sizes[0] < sizes[1] < sizes[2]
    own = split_of(digits, val_per_class=50, imbalance_factor=20)
    assert own.fingerprint == splits[2].fingerprint
    assert splits[0].class_counts[0] == 66


# What is refused, and what is said --------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"val_reserve": 116},
            "val_reserve = 116 is not possible: it must be at most 115: Digits 8×8's rarest class",
        ),
        (
            {"val_imbalance_factor": 10.0, "hold_out_half": True},
            "val_imbalance_factor = 10.0 is not possible with hold_out_half: D_val's smallest "
            "class has 1 image and needs 2, so that no part of D_val is without it.",
        ),
        (
            {
                "val_from": "train",
                "hold_out_half": True,
                "cross_fit": True,
                "train_on_val": "mixed",
            },
            "val_from = 'train' is not possible with hold_out_half and cross_fit: D_val's smallest "
            "class has 2 images and needs 3, so that no part of D_val is without it.",
        ),
    ],
)
def test_what_is_not_possible_is_refused_in_one_sentence(values, said):
    with pytest.raises(ConfigError) as refusal:
        check_possible(RunConfig.from_flat(values))
    assert str(refusal.value).startswith(said)


def test_an_impossible_reserve_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(ConfigError, match="val_reserve = 200"):
        load_split(DataConfig(val_reserve=200), tmp_path)


def test_the_size_of_d_val_counts_in_an_estimate():
    whole, smaller = (
        Speed(0.0, 1.0).seconds(DataConfig(val_imbalance_factor=factor), epochs=1)
        for factor in (1.0, 200.0)
    )
    assert whole - smaller == 100 - sum(planned_val_counts(DataConfig(val_imbalance_factor=200.0)))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "10 images of each class"),
        ({"val_from": "train"}, "copies of at most 10 images of each class in D_tr"),
        (
            {"val_imbalance_factor": 5.0, "val_label_noise": 0.25, "val_corruption": "blur"},
            "10 images of its largest class, imbalance factor 5, 25 % of its labels drawn anew "
            "and blur of strength 0.5",
        ),
    ],
)
def test_what_was_done_to_d_val_is_said_in_words(values, words):
    assert size_in_words(DataConfig(**values)) == words
