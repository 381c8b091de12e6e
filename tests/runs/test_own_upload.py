"""Uploaded pictures are opened in a process of their own, or refused in one sentence."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from bikd_core.config.own_data import known_facts
from bikd_core.data.sources import DatasetUnavailable
from bikd_core.places import Places
from bikd_core.runs.own_upload import names_here, open_here, open_upload
from tests.data.own.own_pictures import encoded, make_folder, noise


def zipped(counts, channels=3):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for seed, (name, number) in enumerate((n, i) for n in counts for i in range(counts[n])):
            picture = Image.fromarray(noise(seed, (8, 8), channels))
            archive.writestr(f"{name}/{number}.png", encoded(picture))
    buffer.seek(0)
    return buffer


@pytest.mark.slow
def test_a_zip_becomes_a_data_set_named_after_it(tmp_path):
    places = Places.at(tmp_path)
    found = open_upload(zipped({"a": 5, "b": 4, "c": 3}), "../my: pets.ZIP", 8, places)
    assert [row["train"] for row in found["classes"]] == [5, 4, 3]
    assert known_facts(found["dataset"]).title == "_my_ pets"
    left = [path.name for path in (places.data / "own").iterdir()]
    assert sorted(left) == sorted([found["dataset"], "opened"])  # the upload itself is not kept


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"no zip", "a.zip", "^a.zip is not a zip that can be read"),
        (zipped({"a": 3}).getvalue(), "b.zip", "^b.zip holds 1 class: it must be 3 to 1,000"),
        (b"\x00" * 50, "c.npz", "^c.npz is not an .npz that can be read"),
    ],
)
def test_what_cannot_be_opened_is_one_sentence_without_the_servers_path(
    tmp_path, content, name, words
):
    with pytest.raises(DatasetUnavailable, match=words) as caught:
        open_upload(io.BytesIO(content), name, 32, Places.at(tmp_path))
    assert str(tmp_path) not in str(caught.value)
    assert not list((tmp_path / "data" / "own").iterdir())


def test_no_upload_is_taken_beyond_the_quota(tmp_path):
    full = Places(tmp_path / "r", tmp_path / "t", tmp_path / "d", quota_bytes=10)
    (full.data / "own").mkdir(parents=True)
    np.zeros(20).tofile(full.data / "own" / "pictures.u8")
    with pytest.raises(DatasetUnavailable, match="or set BIKD_QUOTA_GB"):
        open_upload(zipped({"a": 5, "b": 4, "c": 3}), "a.zip", 8, full)


@pytest.fixture
def here(tmp_path):
    """The places of a server whose owner may open what lies below one folder."""
    (tmp_path / "photos").mkdir()
    return replace(Places.at(tmp_path / "home"), pictures=tmp_path / "photos")


@pytest.mark.slow
def test_pictures_on_the_servers_machine_are_opened_by_a_path_below_its_folder(here):
    make_folder(here.pictures / "2024" / "pets", {"a": 5, "b": 4, "c": 3})
    found = open_here("2024/pets", 8, here)
    assert [row["train"] for row in found["classes"]] == [5, 4, 3]
    assert known_facts(found["dataset"]).title == "pets"


def test_what_may_be_opened_there_is_listed_without_hidden_files_and_texts(here):
    make_folder(here.pictures / "pets", {"a": 1})
    for name in ("more.zip", "x.NPZ", "labels.csv", "t.parquet", "notes.txt", ".secret.zip"):
        (here.pictures / name).touch()
    assert names_here(here) == ["labels.csv", "more.zip", "pets", "t.parquet", "x.NPZ"]
    assert names_here(replace(here, pictures=None)) == []
    with pytest.raises(DatasetUnavailable, match="cannot be read: No such file"):
        names_here(replace(here, pictures=here.pictures / "gone"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../outside", "does not lie below photos"),
        ("link", "does not lie below photos"),
        (".", "does not lie below photos"),
        ("", "does not lie below photos"),
        ("/etc", "does not lie below photos"),
        ("nothing", "There is no 'nothing' in photos"),
        ("a\0b", "There is no"),
        ("circle", "There is no 'circle' in photos"),
        ("x" * 5000, "There is no"),
    ],
)
def test_no_path_leads_out_of_the_folder(here, tmp_path, name, words):
    outside = make_folder(tmp_path / "outside", {"a": 3, "b": 3, "c": 3})
    (here.pictures / "link").symlink_to(outside)
    (here.pictures / "circle").symlink_to(here.pictures / "circle")
    with pytest.raises(DatasetUnavailable, match=words) as caught:
        open_here(name, 8, here)
    assert str(tmp_path) not in str(caught.value)
    assert not (here.data / "own").exists()


def test_without_a_folder_no_path_is_opened(here, tmp_path):
    with pytest.raises(DatasetUnavailable, match="--pictures-dir"):
        open_here(str(tmp_path), 8, replace(here, pictures=None))
