"""Pictures that are there twice are found, by their pixels or nearly; others are not."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from bikd_core.data.own.duplicates import duplicates
from bikd_core.data.own.opening import open_pictures
from bikd_core.data.own.preview import preview
from bikd_core.data.sources import source_of
from tests.data.own.own_pictures import make_folder, noise, save


def scene(seed, size=32):
    """A picture with patches of all sizes in one tint, as photographs have."""
    grain = noise(seed, (size, size), 1).astype(float)
    values = sum(sigma * gaussian_filter(grain, sigma) for sigma in (0.5, 1, 2, 4, 8))
    values = (values - values.min()) / (values.max() - values.min())
    return (values[..., np.newaxis] * (240, 200, 160)).astype(np.uint8)


def as_jpeg(pixels, quality):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


CHANGES = {
    "jpeg": lambda pixels: as_jpeg(pixels, 80),
    "brighter": lambda pixels: np.clip(pixels * 1.08, 0, 255).astype(np.uint8),
    "resized": lambda pixels: np.array(Image.fromarray(pixels).resize((40, 40)).resize((32, 32))),
}


def test_equal_pictures_are_found_with_the_first_of_them():
    pictures = np.stack([scene(seed) for seed in (1, 2, 1, 3, 1)])
    assert duplicates(pictures) == [(0, 2, "exact"), (0, 4, "exact")]


@pytest.mark.parametrize("change", CHANGES)
def test_nearly_equal_pictures_are_found(change):
    originals = [scene(seed) for seed in range(20)]
    pictures = np.stack([*originals, *map(CHANGES[change], originals)])
    found = {(first, second) for first, second, _ in duplicates(pictures)}
    wanted = {(row, row + 20) for row in range(20)}
    assert len(found & wanted) >= 19
    assert not found - wanted


def test_blank_and_different_pictures_are_no_near_duplicates():
    blank = [np.full((32, 32, 3), value, np.uint8) for value in (0, 100, 101, 255)]
    assert duplicates(np.stack([*blank, *(scene(seed) for seed in range(30))])) == []


def test_what_lies_in_two_splits_comes_first_then_what_has_two_labels(tmp_path):
    folder = make_folder(tmp_path / "p", {"a": 3, "b": 3, "c": 3}, "train")
    make_folder(folder, {"a": 1, "b": 1, "c": 1}, "test", first_seed=50)
    save(folder / "train" / "a" / "same.png", scene(1))
    save(folder / "train" / "a" / "too.png", scene(1))
    save(folder / "train" / "b" / "other.png", scene(1))
    save(folder / "test" / "c" / "leak.png", scene(1))
    name = open_pictures(folder, tmp_path)
    found = preview(name, tmp_path)
    first, second, third = found.duplicates
    assert (first.second, first.splits, first.is_leak) == (
        "test/c/leak.png",
        ("train", "test"),
        True,
    )
    assert (second.class_names, second.is_leak) == (("a", "b"), False)
    assert (third.first, third.second) == ("train/a/same.png", "train/a/too.png")
    counts = [found.num_duplicates(which) for which in ("exact", "near", "leak", "two_labels")]
    assert counts == [3, 0, 1, 2]


def test_counts_go_from_head_to_tail(tmp_path):
    name = open_pictures(make_folder(tmp_path / "p", {"a": 3, "b": 9, "c": 5}), tmp_path)
    assert [(row.name, row.train, row.total) for row in preview(name, tmp_path).classes] == [
        ("b", 9, 9),
        ("c", 5, 5),
        ("a", 3, 3),
    ]


@pytest.mark.slow
def test_of_real_pictures_changed_ones_are_found_and_others_hardly():
    folder = os.environ.get("BIKD_TEST_CIFAR10")
    if not folder:
        pytest.skip("BIKD_TEST_CIFAR10 does not name a folder with the real CIFAR-10")
    real = source_of("cifar10").read(Path(folder)).test.pictures[:2000]
    changed = np.stack([as_jpeg(picture, 90) for picture in real])
    found = {(first, second) for first, second, _ in duplicates(np.concatenate([real, changed]))}
    wanted = {(row, row + 2000) for row in range(2000)}
    assert len(found & wanted) >= 1980
    assert len(found - wanted) <= 20
