"""Datasets of torch become data sets of the product, pixel by pixel."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

from bikd_core.data.own.cache import read_index
from bikd_core.data.own.datasets import open_dataset
from bikd_core.data.pictures import load_pictures
from bikd_core.data.sources import DatasetUnavailable, facts_of
from tests.data.own.own_pictures import noise

LABELS = [2, 0, 1, 2, 0, 1, 2, 2]
PIXELS = [noise(seed, (8, 8)) for seed in range(len(LABELS))]


class Pairs(Dataset):
    """Pictures of any form; no `targets`, as in many people's own."""

    def __init__(self, form, labels=LABELS, pixels=PIXELS):
        self.form, self.labels, self.pixels = form, labels, pixels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.form(self.pixels[index]), self.labels[index]


def as_tensor(pixels):
    return torch.from_numpy(pixels).permute(2, 0, 1)


FORMS = {
    "PIL": Image.fromarray,
    "array": lambda pixels: pixels,
    "floats": lambda pixels: pixels / np.float32(255),
    "wide": lambda pixels: pixels.astype(np.int64),
    "tensor": as_tensor,
    "float tensor": lambda pixels: as_tensor(pixels) / 255,
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_same_pixels_in_the_order_of_the_classes(tmp_path, form):
    dataset = open_dataset(Pairs(FORMS[form]), "My pets", tmp_path, size=8)
    facts = facts_of(dataset)
    assert (facts.title, facts.class_names) == ("My pets", ("0", "1", "2"))
    assert facts.pool_of_each == (2, 2, 4)
    rows = sorted(range(len(LABELS)), key=lambda row: (LABELS[row], row))
    pictures = load_pictures(dataset, list(range(len(LABELS))), tmp_path)
    np.testing.assert_array_equal(pictures, [PIXELS[row] for row in rows])
    assert dataset == open_dataset(Pairs(FORMS["PIL"]), "My pets", tmp_path, size=8)


def test_splits_and_names_are_kept(tmp_path):
    train = Pairs(as_tensor)
    train.classes = ["ant", "bee", "кот"]
    test = TensorDataset(
        torch.stack([as_tensor(noise(seed, (8, 8))) for seed in range(50, 53)]),
        torch.tensor([0, 1, 2]),
    )
    facts = facts_of(open_dataset({"train": train, "test": test}, "pets", tmp_path, size=8))
    assert facts.class_names == ("ant", "bee", "кот")
    assert facts.test_counts == (1, 1, 1)


def test_targets_spare_the_first_reading(tmp_path):
    pairs, read = Pairs(as_tensor), []
    pairs.targets = torch.tensor(LABELS)
    pairs.form = lambda pixels: read.append(1) or as_tensor(pixels)
    open_dataset(pairs, "pets", tmp_path, size=8)
    assert len(read) == len(LABELS)


def test_pictures_of_another_form_are_left_out_by_name(tmp_path):
    broken = {0: torch.randn(3, 8, 8), 3: "a path", 6: torch.zeros(2, 8, 8)}
    pairs = Pairs(lambda row: broken.get(row, as_tensor(PIXELS[row])), pixels=range(len(LABELS)))
    index = read_index(open_dataset(pairs, "pets", tmp_path, size=8), tmp_path)
    assert dict(index.set_aside) == {
        "train[0]": "has floats outside 0 to 1: give it without normalisation",
        "train[3]": "is str, not a PIL image, an array or a tensor",
        "train[6]": "has the shape [8, 8, 2], which is no picture's",
    }
    assert index.facts.pool_of_each == (2, 2, 1)


@pytest.mark.parametrize(
    ("labels", "options", "error", "words"),
    [
        ([0.5] * 8, {}, DatasetUnavailable, r"The label of train\[0\] is 0.5: it must be"),
        (
            [0, 1, 7, 0, 1, 0, 1, 0],
            {"class_names": "abc"},
            DatasetUnavailable,
            r"The label of train\[2\] is 7: there are 3 class names, so it must be 0 to 2",
        ),
        ([0, 1] * 4, {}, DatasetUnavailable, "pets holds 2 classes: it must be 3 to"),
        (LABELS, {"size": 7}, ValueError, "size = 7 is not possible: it must be a whole number"),
    ],
)
def test_what_cannot_be_opened_is_one_sentence(tmp_path, labels, options, error, words):
    with pytest.raises(error, match=words):
        open_dataset(Pairs(as_tensor, labels), "pets", tmp_path, **{"size": 8} | options)
    assert not list(tmp_path.glob("own/own_*"))


def test_an_unknown_split_is_refused(tmp_path):
    with pytest.raises(ValueError, match="split = 'dev' is not possible: it must be one of"):
        open_dataset({"dev": Pairs(as_tensor)}, "pets", tmp_path)
