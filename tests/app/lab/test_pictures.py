"""Single training pictures: which, in what order, what they had, and how they are sent."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from app.lab import pictures
from app.lab.pictures import Selection
from tests.app.pictured import LABELS, make_pictured_run, values, weights_at


@pytest.fixture
def snapshot(manager):
    return manager.snapshot(make_pictured_run(manager.places.runs).run_id)


# Choice and order


def test_the_gallery_has_both_ends_of_the_order_and_no_picture_twice():
    w_soft = np.linspace(0.2, 0.9, 50)
    highest, lowest = pictures.sections(values(w_soft=w_soft), np.ones(50, bool), "soft")
    assert highest.rows == tuple(range(49, 37, -1))
    assert lowest.rows == tuple(range(12))
    assert (highest.title, lowest.title) == ("Highest w_soft", "Lowest w_soft")


@pytest.mark.parametrize("count", [1, 23, 24])
def test_few_pictures_are_one_section(count):
    losses = np.arange(count)[::-1]
    [section] = pictures.sections(values(ce_student=losses), np.ones(count, bool), "loss")
    assert section.rows == tuple(range(count))


def test_a_selection_without_pictures_is_said():
    [section] = pictures.sections(values(w_hard=[0.5, 0.6]), np.zeros(2, bool), "hard")
    assert section == ("None here", ())


def test_a_selection_keeps_its_classes_and_its_bin():
    labels = np.array([0, 1, 1, 1, 2])
    given = values(w_hard=[0.5, 0.5, 0.516, 0.499, 0.5], w_soft=[1, 1, 0.9, 1, 1])
    assert Selection("b", (1,)).keeps(labels, given).tolist() == [0, 1, 1, 1, 0]
    assert Selection("b", (1,), "hard", 32).keeps(labels, given).tolist() == [0, 1, 0, 0, 0]
    assert Selection("a, c", (0, 2), "soft", 63).keeps(labels, given).tolist() == [1, 0, 0, 0, 1]


def test_a_bin_that_is_clicked_on_holds_as_many_pictures_as_the_ridge_says(snapshot):
    from bikd_core.evaluation import weight_histograms

    given = pictures.values_at(snapshot, 2)
    counts = weight_histograms(weights_at(2), LABELS, 10)
    for kind, name in enumerate(("hard", "soft")):
        for label in (0, 9):
            for number in range(64):
                selection = Selection("", (label,), name, number)
                assert selection.keeps(LABELS, given).sum() == counts[kind, label, number]


def test_the_title_of_a_selection_names_the_weights_of_its_bin():
    assert Selection("digit 9", (9,)).title == "digit 9"
    assert Selection("digit 9", (9,), "soft", 16).title == "digit 9, w_soft 0.250 to 0.266"


# What frames hold


def test_the_history_of_a_picture_is_its_row_of_every_frame(snapshot):
    history = pictures.history(snapshot, 100)
    assert history.every == 1
    hard = [float(weights_at(epoch)[100, 0]) for epoch in (1, 2, 3)]
    assert history.line("w_hard") == hard
    assert history.line("ce_student") == pytest.approx([1, 1 / 2, 1 / 3], rel=1e-3)
    assert history.line("ce_teacher") == pytest.approx([0.5] * 3)
    assert history.line("influence_hard") == [-100, -200, -300]
    assert history.line("influence_soft") == [100, 200, 300]


def test_a_long_history_is_thinned(snapshot, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_POINTS", 2)
    history = pictures.history(snapshot, 7)
    assert history.every == 2
    assert history.line("influence_soft") == [7, 21]


def test_a_method_without_weights_has_losses_only(manager):
    run = make_pictured_run(manager.places.runs, method="ce")
    history = pictures.history(manager.snapshot(run.run_id), 5)
    assert history.line("w_hard") is history.line("influence_soft") is None
    assert history.line("ce_teacher") is None
    assert len(history.line("ce_student")) == 3


def test_frames_are_read_once_and_the_oldest_are_forgotten(snapshot, monkeypatch):
    monkeypatch.setattr(pictures, "_cache", pictures._Cache())
    first = pictures.values_at(snapshot, 1)
    assert pictures.values_at(snapshot, 1) is first
    monkeypatch.setattr(pictures, "CACHE_BYTES", 2 * first.nbytes)
    second = pictures.values_at(snapshot, 2)
    pictures.values_at(snapshot, 3)
    assert pictures.values_at(snapshot, 2) is second
    assert pictures.values_at(snapshot, 1) is not first


# Pictures for the browser


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_holds_the_picture(channels):
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    read = np.asarray(Image.open(io.BytesIO(pictures.encoded(picture, "png"))))
    assert np.array_equal(read.reshape(picture.shape), picture)


def test_photographs_are_small_in_the_gallery_and_exact_when_large(monkeypatch, tmp_path):
    across = np.linspace(0, 255, 32).astype(np.uint8)
    picture = np.stack([*np.meshgrid(across, across), np.full((32, 32), 90, np.uint8)], axis=-1)
    monkeypatch.setattr(pictures, "load_pictures", lambda *_: picture[None])
    exact, small = (
        pictures.data_uris("a set of photographs", [1], tmp_path, is_exact=is_exact)[0]
        for is_exact in (True, False)
    )
    assert exact.startswith("data:image/png")
    read = Image.open(io.BytesIO(base64.b64decode(exact.split(",")[1])))
    assert np.array_equal(np.asarray(read), picture)
    read = Image.open(io.BytesIO(base64.b64decode(small.split(",")[1])))
    off = np.abs(np.asarray(read.convert("RGB")).astype(int) - picture)
    assert off.mean() < 4
    assert len(small) < 1000
