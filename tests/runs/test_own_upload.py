"""Uploaded pictures are opened in a process of their own, or refused in one sentence."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from bikd_core.config.own_data import known_facts
from bikd_core.data.sources import DatasetUnavailable
from bikd_core.places import Places
from bikd_core.runs.own_upload import open_upload
from tests.data.own.own_pictures import encoded, noise


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
