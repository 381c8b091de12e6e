import itertools
import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bikd_core.config import SOURCE_FACTS, ConfigError, DataConfig, RunConfig
from bikd_core.data.counts import planned_counts
from bikd_core.data.image_set import ImageSet, LoadedSource, load_source
from bikd_core.data.long_tail import channel_statistics, load_split, make_split
from tests.data.conftest import NAMES
from tests.repeated import first_quick


def counts(images: ImageSet) -> tuple[int, ...]:
    return tuple(images.labels.bincount(minlength=int(images.labels.max()) + 1).tolist())


def indices(images: ImageSet) -> set[int]:
    return set(images.original_indices.tolist())


def hollow_source(dataset: str) -> LoadedSource:
    """As many images per class as the real set's rarest class has, of one pixel each."""
    facts = SOURCE_FACTS[dataset]

    def part(per_class: int, start: int) -> ImageSet:
        labels = torch.arange(facts.num_classes).repeat(per_class)
        images = torch.zeros(len(labels), facts.channels, 1, 1, dtype=torch.uint8)
        return ImageSet(images, labels, torch.arange(start, start + len(labels)))

    pool = part(facts.pool_per_class, 0)
    test = part(facts.default_test_per_class, len(pool)) if facts.has_test else None
    return LoadedSource(dataset, facts.class_names, pool, test)


@pytest.fixture(scope="module")
def digits() -> LoadedSource:
    return load_source("digits", Path())


def test_default_digits_split(digits):
    split = make_split(digits, DataConfig())
    assert split.class_counts == counts(split.train) == (106, 68, 44, 28, 18, 12, 7, 5, 3, 2)
    assert counts(split.val) == (10,) * 10
    assert counts(split.test) == (58,) * 10
    assert split.dataset == "digits"
    assert split.class_names == tuple("0123456789")


@pytest.mark.parametrize("dataset", first_quick(["digits", "cifar10", "cifar100", "svhn"]))
@pytest.mark.parametrize(
    "values",
    [
        {"imbalance_factor": 1},
        {"imbalance_factor": 10.5},
        {"imbalance_factor": 60, "imbalance": "step"},
        {"imbalance_factor": 3, "val_per_class": 20, "test_per_class": 30, "head_count": 80},
        {"imbalance_factor": 50, "shuffle_classes": True, "split_seed": 3},
        {"imbalance_factor": 2, "shuffle_classes": True, "imbalance": "step", "split_seed": 9},
    ],
)
def test_the_split_has_the_planned_counts_and_its_parts_are_disjoint(dataset, values):
    config = RunConfig(data={"dataset": dataset, **values}).data
    split = make_split(hollow_source(dataset), config)
    assert split.class_counts == counts(split.train) == planned_counts(config)
    num_classes = SOURCE_FACTS[dataset].num_classes
    num_test = config.test_per_class or SOURCE_FACTS[dataset].default_test_per_class
    assert counts(split.val) == (config.val_per_class,) * num_classes
    assert counts(split.test) == (num_test,) * num_classes
    parts = [split.train, split.val, split.test]
    assert len(set.union(*map(indices, parts))) == sum(map(len, parts))


@pytest.mark.parametrize("imbalance", ["exponential", "step"])
def test_a_larger_factor_only_removes_training_images(digits, imbalance):
    splits = [
        make_split(digits, DataConfig(imbalance_factor=factor, imbalance=imbalance))
        for factor in (1, 2, 10, 50, 106)
    ]
    for larger_set, smaller_set in itertools.pairwise(splits):
        assert indices(smaller_set.train) < indices(larger_set.train)
        assert indices(smaller_set.val) == indices(larger_set.val)
        assert indices(smaller_set.test) == indices(larger_set.test)


def test_d_val_and_test_do_not_move_when_anything_else_does(digits):
    plain = make_split(digits, DataConfig())
    larger_val = make_split(digits, DataConfig(val_per_class=30, imbalance_factor=20))
    larger_test = make_split(digits, DataConfig(test_per_class=70, shuffle_classes=True))
    assert indices(larger_val.test) == indices(plain.test)
    assert indices(larger_val.val) > indices(plain.val)
    assert indices(larger_test.val) == indices(plain.val)
    assert indices(larger_test.test) > indices(plain.test)


def test_the_split_seed_draws_all_three_sets(digits):
    one, same, other = (make_split(digits, DataConfig(split_seed=seed)) for seed in (0, 0, 1))
    assert one.fingerprint == same.fingerprint != other.fingerprint
    for part in ("train", "val", "test"):
        assert torch.equal(getattr(one, part).images, getattr(same, part).images)
        assert indices(getattr(one, part)) != indices(getattr(other, part))


def test_rows_are_those_of_the_source_in_the_order_of_the_file(digits):
    split = make_split(digits, DataConfig(split_seed=2))
    for part in (split.train, split.val, split.test):
        original = part.original_indices
        assert torch.equal(original, original.sort().values)
        assert torch.equal(part.images, digits.pool.images[original])
        assert torch.equal(part.labels, digits.pool.labels[original])


def test_the_fingerprint_sees_every_set_and_every_pixel(digits):
    config = DataConfig()
    plain = make_split(digits, config).fingerprint
    assert len(plain) == 16
    assert int(plain, 16) >= 0
    one_image = make_split(digits, config).train.original_indices[7]
    images, labels = digits.pool.images.clone(), digits.pool.labels
    images[one_image, 0, 4, 4] ^= 1
    changed = replace(digits, pool=ImageSet(images, labels, digits.pool.original_indices))
    assert make_split(changed, config).fingerprint != plain
    assert make_split(digits, DataConfig(val_per_class=11)).fingerprint != plain
    assert make_split(digits, DataConfig(imbalance_factor=40)).fingerprint != plain


RECORDED = Path(__file__).parents[1] / "recorded"


@pytest.mark.parametrize("name", ["bikd", "kd-wrong-labels", "league2-held-out", "relative-shifts"])
def test_the_split_of_a_recorded_run_is_the_same_today(name, digits):
    """Else it could not be resumed, and its teacher would no longer fit."""
    with zipfile.ZipFile(RECORDED / f"{name}.zip") as archive:
        config = DataConfig(**json.loads(archive.read("run.json"))["config"]["data"])
        lines = [json.loads(line) for line in archive.read("events.jsonl").splitlines()]
    [started] = [line for line in lines if line["kind"] == "started"]
    split = make_split(digits, config)
    assert split.fingerprint == started["data_fingerprint"]
    assert split.class_counts == tuple(started["class_counts"])
    assert split.label_counts == tuple(started.get("label_counts") or started["class_counts"])


def test_the_classes_of_a_shuffled_split_are_the_same_as_ever(digits):
    split = make_split(digits, DataConfig(shuffle_classes=True, split_seed=3))
    assert split.class_counts == (5, 7, 18, 12, 68, 2, 44, 28, 106, 3)
    assert split.fingerprint == "0cd5efbf3e1344eb"


def test_mean_and_std_are_those_of_the_training_images(digits):
    split = make_split(digits, DataConfig())
    pixels = split.train.images.double() / 255
    assert split.mean == pytest.approx([float(pixels.mean())], abs=1e-12)
    assert split.std == pytest.approx([float(pixels.std(correction=0))], abs=1e-12)


def test_statistics_are_per_channel_and_a_constant_channel_has_std_one():
    images = torch.zeros(4, 2, 3, 3, dtype=torch.uint8)
    images[:2, 0] = 255
    images[:, 1] = 51
    mean, std = channel_statistics(images)
    assert mean == pytest.approx((0.5, 0.2))
    assert std == pytest.approx((0.5, 1.0))


def test_an_impossible_split_is_refused_before_anything_is_read(tmp_path):
    config = DataConfig(dataset="cifar10", test_per_class=2000)
    with pytest.raises(ConfigError, match="test_per_class = 2000"):
        load_split(config, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_loading_a_split_tells_the_progress_of_the_download(monkeypatch):
    told = []

    def load(dataset, data_dir, *, on_progress):
        on_progress(1, 2)
        return hollow_source(dataset)

    monkeypatch.setattr("bikd_core.data.long_tail.load_source", load)
    split = load_split(DataConfig(dataset="cifar10"), Path(), on_progress=lambda *n: told.append(n))
    assert (split.dataset, told) == ("cifar10", [(1, 2)])


@pytest.mark.parametrize("dataset", first_quick(NAMES, 2))
def test_a_split_of_each_torchvision_set(dataset, make_tiny):
    tiny = make_tiny(dataset)
    config = DataConfig(dataset=dataset, imbalance_factor=3, val_per_class=1)
    split = load_split(config, tiny.unpacked)
    assert counts(split.train) == planned_counts(config)
    assert counts(split.val) == (1,) * tiny.facts.num_classes
    assert counts(split.test) == (2,) * tiny.facts.num_classes  # SVHN's has more of some classes
    assert len(split.mean) == len(split.std) == tiny.facts.channels
    assert min(indices(split.test)) >= tiny.num_train
    rows = split.test.original_indices.numpy()
    assert np.array_equal(split.test.images.permute(0, 2, 3, 1).numpy(), tiny.pictures[rows])


def test_real_cifar10_gives_the_published_split():
    folder = os.environ.get("BIKD_TEST_CIFAR10")
    if not folder:
        pytest.skip("BIKD_TEST_CIFAR10 does not name a folder with the real CIFAR-10")
    source = load_source("cifar10", Path(folder))
    assert (len(source.pool), len(source.test or ())) == (50_000, 10_000)
    split = make_split(source, RunConfig(data={"dataset": "cifar10"}).data)
    assert len(split.train) == 13_717
    assert counts(split.val) == (100,) * 10
    assert counts(split.test) == (1000,) * 10
    whole_mean, whole_std = channel_statistics(source.pool.images)
    # The mean and deviation that the CIFAR-10 literature quotes.
    assert whole_mean == pytest.approx((0.4914, 0.4822, 0.4465), abs=1e-4)
    assert whole_std == pytest.approx((0.2470, 0.2435, 0.2616), abs=1e-4)
