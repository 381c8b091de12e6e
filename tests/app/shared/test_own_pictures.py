"""Somebody's own pictures on the page: chosen like other data sets, and drawn safely."""

import pytest

from bikd_core.data.own.opening import open_pictures
from bikd_core.data.own.preview import preview
from tests.app.shown import words
from tests.data.own.own_pictures import make_folder, noise, save

COUNTS = {"ant <b>": 30, "bee": 9, "**cow**": 3}


@pytest.fixture
def own(manager, tmp_path):
    folder = make_folder(tmp_path / "my _pets_", COUNTS, size=(8, 8), channels=1)
    return open_pictures(folder, manager.places.data, size=8)


def test_a_link_to_own_pictures_shows_them_with_their_networks_and_counts(open_lab, own):
    lab = open_lab(dataset=own)
    assert not lab.exception
    assert not lab.warning
    assert lab.selectbox(key="control_dataset").value == own
    assert "my _pets_" in lab.selectbox(key="control_dataset").options
    assert list(lab.selectbox(key="control_student").options) == [
        "digits_mlp",
        "digits_cnn_s",
        "digits_cnn_l",
    ]
    assert lab.query_params["dataset"] == own  # and nothing else: all is the default


def test_natural_counts_have_no_slider_and_other_tails_have_one(open_lab, own):
    assert "Imbalance factor" not in words(open_lab(dataset=own))
    assert "Imbalance factor" in words(open_lab())


def test_a_link_opens_no_folder_of_the_server(open_lab, tmp_path, manager):
    folder = make_folder(tmp_path / "secret", {"a": 3, "b": 3, "c": 3})
    lab = open_lab(dataset=f"folder:{folder}")
    assert lab.selectbox(key="control_dataset").value == "digits"
    assert "is not possible: these pictures are not opened on this machine" in words(lab)
    assert not list(manager.places.data.glob("own/*"))


def test_what_was_uploaded_is_shown_before_it_is_used(open_lab, manager, tmp_path):
    folder = make_folder(tmp_path / "shapes", COUNTS, "train")
    make_folder(folder, dict.fromkeys(COUNTS, 4), "test", first_seed=90)
    save(folder / "test" / "bee" / "leak.png", noise(0))
    (folder / "train" / "bee" / "broken.png").write_text("no picture")
    dataset = open_pictures(folder, manager.places.data)
    lab = open_lab()
    lab.session_state["session"].dialog = "own_pictures"
    lab.session_state["session"].own_preview = preview(dataset, manager.places.data).as_data()
    lab.run()
    assert not lab.exception
    said = words(lab)
    assert "1 pictures lie in two of train, val and test. A test picture that was trained" in said
    frames = [frame.value for frame in lab.dataframe]
    table = next(frame for frame in frames if "class" in frame)
    assert table["class"].tolist() == ["ant <b>", "bee", "**cow**"]
    assert table["train"].tolist() == [30, 9, 3]
    assert all(url.startswith("data:image/png;base64,") for url in table["pictures"])
    [left_out] = [frame["file"].tolist() for frame in frames if "file" in frame]
    assert left_out == ["train/bee/broken.png"]
    lab.button(key="own_use").click().run()
    assert lab.query_params["dataset"] == dataset
    assert lab.selectbox(key="control_dataset").value == dataset
