import math
import re
import subprocess
import sys

import pytest

from bikd_core.config import SOURCE_FACTS, ConfigError, DataConfig, RunConfig
from bikd_core.data.counts import (
    head_count_of,
    imbalance_words,
    long_tail_counts,
    max_imbalance_factor,
    num_test_per_class,
    planned_counts,
    size_of_test_set,
    tail_words,
)
from bikd_core.data.sources import facts_of


@pytest.mark.parametrize(
    ("num_classes", "head_count", "totals"),
    [
        (10, 4900, {1: 49_000, 10: 20_021, 50: 13_717, 100: 12_156}),
        (100, 490, {1: 49_000, 10: 19_183, 50: 12_354, 100: 10_626}),
    ],
)
def test_the_sizes_are_the_published_ones(num_classes, head_count, totals):
    for factor, total in totals.items():
        assert sum(long_tail_counts(num_classes, head_count, factor)) == total


def test_counts_of_a_small_profile_by_hand():
    # 5000 · 100 ** (−c / 9), truncated.
    expected = (5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50)
    assert long_tail_counts(10, 5000, 100) == expected


def test_step_gives_the_first_half_all_and_the_others_the_fraction():
    assert long_tail_counts(4, 100, 8, "step") == (100, 100, 12, 12)
    assert long_tail_counts(5, 100, 2.5, "step") == (100, 100, 100, 40, 40)


@pytest.mark.parametrize("imbalance", ["exponential", "step"])
def test_at_the_largest_factor_the_tail_keeps_one_image(imbalance):
    # 49 · 49 ** −1 = 0.999…9 in floating point; six other counts up to 200 share that.
    for head_count in range(1, 201):
        assert min(long_tail_counts(10, head_count, head_count, imbalance)) == 1


@pytest.mark.parametrize("factor", [0, 0.5, -3, math.nan, math.inf, 1e9, 200.5])
def test_a_factor_out_of_range_is_refused_with_the_range(factor):
    message = f"imbalance_factor = {factor!r} is not possible: it must be a number from 1 to 200."
    with pytest.raises(ConfigError, match=re.escape(message)):
        long_tail_counts(10, 4900, factor)


def test_a_factor_that_would_empty_a_class_is_refused_with_the_reason():
    with pytest.raises(ConfigError, match=r"imbalance_factor = 41 .* 1 to 40, .* has 40 images"):
        long_tail_counts(10, 40, 41)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1, 10, 2), "num_classes = 1 is not possible: it must be at least 2."),
        ((10, 0, 1), "head_count = 0 is not possible: it must be at least 1."),
        (
            (10, 9, 2, "flat"),
            "imbalance = 'flat' is not possible: it must be exponential or step.",
        ),
    ],
)
def test_other_impossible_profiles_are_refused_in_one_sentence(arguments, words):
    with pytest.raises(ConfigError, match=f"^{re.escape(words)}$"):
        long_tail_counts(*arguments)


def test_two_classes_are_the_fewest():
    assert long_tail_counts(2, 10, 5) == (10, 2)


def test_default_digits_protocol():
    config = DataConfig()
    assert num_test_per_class(config) == 58
    assert head_count_of(config) == 106
    assert max_imbalance_factor(config) == 106
    assert sum(planned_counts(config)) == 293


@pytest.mark.parametrize(("dataset", "head"), [("cifar10", 4900), ("cifar100", 490)])
def test_default_cifar_protocol(dataset, head):
    config = RunConfig(data={"dataset": dataset}).data
    assert head_count_of(config) == head
    assert max_imbalance_factor(config) == 200


@pytest.mark.parametrize("dataset", SOURCE_FACTS)
def test_the_defaults_of_every_data_set_are_possible(dataset):
    config = RunConfig(data={"dataset": dataset}).data
    facts = facts_of(dataset)
    assert len(planned_counts(config)) == facts.num_classes == len(set(facts.class_names))
    assert max(planned_counts(config)) == head_count_of(config)


def test_official_test_images_do_not_reduce_the_pool():
    assert head_count_of(DataConfig(dataset="cifar10", test_per_class=500)) == 4990
    assert head_count_of(DataConfig(dataset="digits", test_per_class=100)) == 64


def test_a_step_has_two_sizes_in_the_plan_too():
    config = DataConfig(head_count=40, imbalance_factor=10, imbalance="step")
    assert planned_counts(config) == (40,) * 5 + (4,) * 5


def test_head_count_caps_the_largest_class():
    config = DataConfig(head_count=40, imbalance_factor=20)
    assert planned_counts(config)[0] == max_imbalance_factor(config) == 40


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"val_per_class": 116},
            "val_per_class = 116 is not possible: it must be at most 115: Digits 8×8's rarest "
            "class has 174 images, 58 of them for the test set, and training needs one.",
        ),
        (
            {"val_per_class": 500, "dataset": "cifar100"},
            "it must be at most 499: CIFAR-100's rarest class has 500 images, and training needs",
        ),
        ({"test_per_class": 173}, "test_per_class = 173 is not possible: it must be at most 172: "),
        ({"test_per_class": 101, "dataset": "cifar100"}, "at most 100, what CIFAR-100's test set"),
        ({"head_count": 107}, "head_count = 107 is not possible: it must be at most 106, "),
        ({"imbalance_factor": 107}, "imbalance_factor = 107.0 is not possible: "),
        ({"head_count": 20, "imbalance_factor": 30}, "a number from 1 to 20, because the largest"),
    ],
)
def test_what_does_not_fit_the_data_set_is_refused_in_one_sentence(values, message):
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        planned_counts(DataConfig(**values))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        {"val_per_class": 115},
        {"test_per_class": 163},
        {"test_per_class": 172, "val_per_class": 1},
        {"dataset": "cifar10", "test_per_class": 1000, "head_count": 1},
        {"dataset": "cifar100", "val_per_class": 499, "test_per_class": 100},
    ],
)
def test_the_limit_itself_is_possible(values):
    counts = planned_counts(DataConfig(imbalance_factor=1, **values))
    assert set(counts) == {1}


def test_a_head_of_all_that_is_left_is_possible():
    assert head_count_of(DataConfig(head_count=106)) == 106


def test_tail_and_test_set_are_said_in_words():
    step = DataConfig(imbalance="step", imbalance_factor=2.5)
    assert (imbalance_words(step), tail_words(step)) == (
        "imbalance factor 2.5",
        "step tail, factor 2.5",
    )
    natural = DataConfig(imbalance="natural")
    assert (imbalance_words(natural), tail_words(natural)) == ("natural counts", "natural counts")
    assert size_of_test_set(step) == "58 images of each class"


@pytest.mark.parametrize("factor", [0.0, math.nan, 1e9])
def test_a_config_that_was_not_validated_is_refused_too(factor):
    config = DataConfig.model_construct(imbalance_factor=factor)
    with pytest.raises(ConfigError, match="imbalance_factor"):
        planned_counts(config)


def test_an_unknown_data_set_is_refused_with_the_names():
    with pytest.raises(ConfigError, match=f"dataset = 'mnist' .* {', '.join(SOURCE_FACTS)}"):
        facts_of("mnist")


def test_shuffling_permutes_the_counts_by_the_split_seed():
    plain = planned_counts(DataConfig())
    shuffled = {
        seed: planned_counts(DataConfig(shuffle_classes=True, split_seed=seed)) for seed in (0, 1)
    }
    assert shuffled[0] != shuffled[1]
    for counts in shuffled.values():
        assert counts != plain
        assert sorted(counts, reverse=True) == list(plain)


@pytest.mark.slow
def test_facts_and_digits_pictures_need_neither_torch_nor_scikit_learn():
    code = (
        "import sys; from pathlib import Path; from bikd_core.data import pictures, possible;"
        "pictures.load_pictures('digits', [0], Path());"
        "print({'torch', 'torchvision', 'sklearn', 'scipy'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
