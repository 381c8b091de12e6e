import numpy as np
import pytest
import torch

from bikd_core.config import SOURCE_FACTS, ConfigError
from bikd_core.data.image_set import ImageSet, load_source


def test_the_digits_are_1797_small_images_in_their_published_order(tmp_path):
    pool = load_source("digits", tmp_path).pool
    assert pool.images.shape == (1797, 1, 8, 8)
    assert pool.labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    # The first row is 0 0 5 13 9 1 0 0 in steps of a sixteenth.
    assert pool.images[0, 0, 0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]


@pytest.mark.slow
def test_digits_are_those_of_scikit_learn_scaled_to_bytes(tmp_path):
    from sklearn.datasets import load_digits

    source, original = load_source("digits", tmp_path), load_digits()
    assert source.pool.images.shape == (1797, 1, 8, 8)
    assert source.pool.images.dtype == torch.uint8
    expected = np.rint(original.images * 255 / 16)
    assert np.array_equal(source.pool.images[:, 0].numpy(), expected)
    assert np.array_equal(source.pool.labels.numpy(), original.target)
    assert source.pool.original_indices.tolist() == list(range(1797))
    assert source.test is None
    assert int(source.pool.labels.bincount().min()) == SOURCE_FACTS["digits"].pool_per_class
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_set_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match="dataset = 'imagenet' is not possible"):
        load_source("imagenet", tmp_path)


def test_an_image_set_moves_and_is_indexed_as_one(device):
    images = torch.arange(8, dtype=torch.uint8)[:, None, None, None].expand(8, 1, 2, 2)
    pool = ImageSet(images, torch.arange(8) % 3, torch.arange(8))
    few = pool[torch.tensor([5, 3])].to(device)
    assert len(few) == 2
    assert few.images.device.type == few.labels.device.type == device
    assert few.original_indices.tolist() == [5, 3]
    assert torch.equal(few.images.cpu(), pool.images[[5, 3]])
