import os
from pathlib import Path

import numpy as np
import pytest
import torch

from bikd_core.config import ConfigError
from bikd_core.data import file_formats
from bikd_core.data.image_set import load_source
from bikd_core.data.pictures import PicturesUnavailable, load_pictures
from tests.data.conftest import NAMES


@pytest.mark.parametrize("dataset", NAMES)
def test_pictures_are_found_by_original_index_in_both_parts(dataset, make_tiny):
    tiny = make_tiny(dataset)
    wanted = [tiny.num_train, 0, tiny.num_train - 1, len(tiny.labels) - 1, 0]
    found = load_pictures(dataset, wanted, tiny.unpacked)
    assert found.dtype == np.uint8
    assert np.array_equal(found, tiny.pictures[wanted])


def test_digits_pictures_are_the_sources_images(tmp_path):
    source = load_source("digits", tmp_path)
    found = load_pictures("digits", np.array([3, 1796]), tmp_path)
    assert np.array_equal(found, source.pool.images[[3, 1796]].permute(0, 2, 3, 1).numpy())


def test_no_indices_give_no_pictures(tmp_path):
    assert load_pictures("digits", [], tmp_path).shape == (0, 8, 8, 1)


@pytest.mark.parametrize("dataset", NAMES)
def test_a_missing_set_is_reported_in_one_sentence(dataset, make_tiny, tmp_path):
    make_tiny(dataset)
    with pytest.raises(PicturesUnavailable, match=r"are not in .* set BIKD_DATA to a folder"):
        load_pictures(dataset, [0], tmp_path / "empty")


@pytest.mark.parametrize("dataset", NAMES)
def test_a_truncated_file_is_reported_in_one_sentence(dataset, make_tiny):
    tiny = make_tiny(dataset)
    file = max(tiny.unpacked.rglob("*"), key=lambda path: path.stat().st_size * path.is_file())
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(PicturesUnavailable, match="are damaged"):
        load_pictures(dataset, [0], tiny.unpacked)


def test_a_pickle_that_is_not_the_published_file_is_never_loaded(make_tiny, monkeypatch):
    tiny = make_tiny("cifar100")
    (tiny.unpacked / "cifar-100-python/train").write_bytes(b"cos\nabort\n(tR.")
    monkeypatch.setattr(file_formats.pickle, "loads", lambda *_, **__: pytest.fail("was loaded"))
    with pytest.raises(PicturesUnavailable, match="train is not the published file"):
        load_pictures("cifar100", [0], tiny.unpacked)


@pytest.mark.parametrize("index", [-1, 1797])
def test_an_index_without_a_picture_is_refused_in_one_sentence(index, tmp_path):
    with pytest.raises(PicturesUnavailable, match="has pictures 0 to 1796"):
        load_pictures("digits", [5, index], tmp_path)


def test_an_unknown_set_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match="dataset = 'mnist'"):
        load_pictures("mnist", [0], tmp_path)


def test_pictures_of_the_real_cifar10_are_those_of_torchvision():
    folder = os.environ.get("BIKD_TEST_CIFAR10")
    if not folder:
        pytest.skip("BIKD_TEST_CIFAR10 does not name a folder with the real CIFAR-10")
    source, wanted = load_source("cifar10", Path(folder)), [0, 49_999]
    found = torch.from_numpy(load_pictures("cifar10", [*wanted, 50_000], Path(folder)))
    assert torch.equal(found[:2].permute(0, 3, 1, 2), source.pool.images[wanted])
    assert source.test is not None
    assert torch.equal(found[2].permute(2, 0, 1), source.test.images[0])
