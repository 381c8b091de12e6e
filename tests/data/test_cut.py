"""Splits inside a cut of a data set are those of the whole data set; others are refused."""

import lzma

import numpy as np
import pytest
import torch

from bikd_core.config import ConfigError, DataConfig
from bikd_core.data.cut import make_cut
from bikd_core.data.cut_file import read_cut, write_cut
from bikd_core.data.long_tail import load_split
from bikd_core.data.pictures import PicturesUnavailable, load_pictures
from bikd_core.data.source import Labelled, Parts
from bikd_core.data.sources import DatasetUnavailable

CUT = {"dataset": "cifar10", "val_per_class": 1, "test_per_class": 1, "imbalance_factor": 2}


def config(**changes):
    return DataConfig(**CUT | changes)


@pytest.fixture
def whole(make_tiny):
    return make_tiny("cifar10").unpacked


@pytest.fixture
def cut(whole, tmp_path):
    return make_cut(config(), whole, tmp_path / "cut")


def parts(num_pool, num_test, size=4, channels=3):
    rng = np.random.default_rng(1)

    def part(count):
        shape = (count, size, size, channels)
        return Labelled(rng.integers(0, 256, shape, dtype=np.uint8), rng.integers(0, 10, count))

    return Parts(part(num_pool), part(num_test))


@pytest.mark.parametrize("num_pool", [13, 16])
def test_a_cut_has_all_labels_and_exactly_the_pictures_that_it_keeps(tmp_path, num_pool):
    before, path = parts(num_pool, 5), tmp_path / "some.xz"
    is_held = np.random.default_rng(2).random(num_pool + 5) < 0.5
    write_cut(path, before, is_held, "words")
    after = read_cut(path)
    assert np.array_equal(after.cut.is_held, is_held)
    assert after.cut.split == "words"
    rows = (is_held[:num_pool], is_held[num_pool:])
    for part, original, held in zip(after[:2], before[:2], rows, strict=True):
        assert np.array_equal(part.labels, original.labels)
        assert np.array_equal(part.pictures[held], original.pictures[held])
        assert not part.pictures[~held].any()
    assert [file.name for file in tmp_path.iterdir()] == ["some.xz"]


@pytest.mark.parametrize(
    "changes",
    [{}, {"imbalance_factor": 3}, {"head_count": 2, "imbalance_factor": 1.5}, {"label_noise": 0.3}],
    ids=str,
)
def test_a_split_inside_the_cut_is_that_of_the_whole_data_set(whole, cut, changes):
    expected, found = (load_split(config(**changes), at) for at in (whole, cut.path.parent))
    assert found.fingerprint == expected.fingerprint
    assert (found.mean, found.std) == (expected.mean, expected.std)
    for name in ("train", "val", "test"):
        one, other = getattr(found, name), getattr(expected, name)
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)
        assert torch.equal(one.original_indices, other.original_indices)


def test_the_finished_cut_is_described(whole, cut):
    assert cut.path.name == "cifar10-cut.xz"
    assert cut.size_bytes == cut.path.stat().st_size
    split = load_split(config(), whole)
    assert cut.num_images == len(split.train) + len(split.val) + len(split.test)
    assert cut.fingerprint == split.fingerprint


@pytest.mark.parametrize(
    "changes", [{"split_seed": 1}, {"imbalance_factor": 1}, {"test_per_class": None}], ids=str
)
def test_any_other_split_is_refused_in_one_sentence(cut, changes):
    with pytest.raises(DatasetUnavailable) as caught:
        load_split(config(**changes), cut.path.parent)
    message = str(caught.value)
    assert "only a cut of CIFAR-10 (imbalance_factor = 2, val_per_class = 1" in message
    assert "split inside the cut" in message
    assert "\n" not in message


def test_a_refusal_counts_the_images_that_the_cut_lacks(whole, cut):
    other = load_split(config(split_seed=1), whole)
    wanted = torch.cat([part.original_indices for part in (other.train, other.val, other.test)])
    num_missing = int((~read_cut(cut.path).cut.is_held[wanted]).sum())
    with pytest.raises(
        DatasetUnavailable,
        match=f"lacks {num_missing} of the {len(wanted)} images of this split: choose a",
    ):
        load_split(config(split_seed=1), cut.path.parent)


def test_pictures_come_from_the_cut_and_missing_ones_are_refused(whole, cut):
    folder = cut.path.parent
    held = load_split(config(), whole).train.original_indices.numpy()
    assert np.array_equal(
        load_pictures("cifar10", held, folder), load_pictures("cifar10", held, whole)
    )
    [missing, *_] = np.flatnonzero(~read_cut(cut.path).cut.is_held)
    with pytest.raises(PicturesUnavailable, match="lacks 1 of these 2 pictures"):
        load_pictures("cifar10", [held[0], missing], folder)


def test_the_whole_data_set_comes_before_a_cut_beside_it(whole):
    make_cut(config(), whole, whole)
    assert load_split(config(split_seed=1), whole).fingerprint


def test_a_cut_can_be_cut_again(whole, cut, tmp_path):
    smaller = make_cut(config(imbalance_factor=3), cut.path.parent, tmp_path / "smaller")
    assert smaller.num_images < cut.num_images
    expected = load_split(config(imbalance_factor=3), whole).fingerprint
    assert load_split(config(imbalance_factor=3), tmp_path / "smaller").fingerprint == expected


def test_a_damaged_cut_is_named(cut):
    cut.path.write_bytes(cut.path.read_bytes()[:-20])
    with pytest.raises(DatasetUnavailable, match=r"damaged .*: put the file cifar10-cut.xz"):
        load_split(config(), cut.path.parent)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{}\n", "is no cut"),
        (
            b'{"num_pool":3,"num_test":2,"num_held":9,"picture":[2,2,3],"split":""}\n12345',
            "has not the 9 images",
        ),
        (
            b'{"num_pool":1,"num_test":1,"num_held":1,"picture":[1,1,1],"split":""}\n\1\1\0\7',
            "marks 0 images, but has 1",
        ),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path, content, reason):
    path = tmp_path / "cifar10-cut.xz"
    path.write_bytes(lzma.compress(content))
    with pytest.raises(ValueError, match=reason):
        read_cut(path)


def test_a_cut_is_never_overwritten(cut, whole):
    with pytest.raises(ConfigError, match="exists: delete it, or name another folder"):
        make_cut(config(), whole, cut.path.parent)


def test_digits_cannot_be_cut(tmp_path):
    with pytest.raises(ConfigError, match=r"dataset = 'digits' cannot be cut: .* cifar10"):
        make_cut(DataConfig(), tmp_path, tmp_path / "cut")
