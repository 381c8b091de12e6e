"""Places and files that cannot be read are refused in one sentence each, and nothing is left."""

import errno
import os
import zipfile

import numpy as np
import pytest

from bikd_core.config import ConfigError, RunConfig
from bikd_core.data.own import opening, writing
from bikd_core.data.own.cache import read_index, read_names
from bikd_core.data.own.opening import open_pictures
from bikd_core.data.possible import check_possible
from bikd_core.data.sources import DatasetUnavailable, facts_of
from tests.data.own.own_pictures import COUNTS, make_folder, noise, png_header, refusal, save
from tests.small_disk import SmallDisk, fails_with


def test_broken_files_are_left_out_by_name_and_the_rest_goes_on(pets, data, tmp_path):
    outside = save(tmp_path / "outside.png", noise(50))
    (pets / "ant" / "a.txt").write_text("no picture")
    (pets / "ant" / "b.png").write_bytes((pets / "ant" / "0000.png").read_bytes()[:200])
    (pets / "ant" / "c.png").write_bytes(png_header(30_000, 30_000))
    (pets / "ant" / "d.png").symlink_to(outside)
    (pets / "ant" / "e").symlink_to(pets, target_is_directory=True)  # a circle
    (pets / "bee" / "f.png").symlink_to(pets / "ant" / "0001.png")  # stays inside: read
    (pets / "ant" / ".hidden").write_text("the system's own")
    (pets / "g.png").write_bytes(outside.read_bytes())
    name = open_pictures(pets, data)
    link = "is a link that leads out of the folder"
    assert dict(read_index(name, data).set_aside) == {
        "ant/a.txt": "is not a picture",
        "ant/b.png": "is cut off or damaged",
        "ant/c.png": "has more than 89 million pixels",
        "ant/d.png": link,
        "ant/e": link,
        "g.png": "lies in no class's folder",
    }
    assert facts_of(name).pool_counts == (9, 7, 3)
    assert "bee/f.png" in read_names(name, data)


def test_what_is_left_out_is_that_of_the_last_opening_of_the_same_pictures(pets, data):
    names = {open_pictures(pets, data)}
    broken = pets / "ant" / "a.txt"
    for _ in range(2):
        broken.write_text("no picture")
        names.add(open_pictures(pets, data))
        [name] = names  # the pictures are the same
        assert read_index(name, data).set_aside == (("ant/a.txt", "is not a picture"),)
        broken.unlink()
        names.add(open_pictures(pets, data))
        assert read_index(name, data).set_aside == ()
    (pets / "ant" / "0000.png").rename(pets / "ant" / "0000a.png")
    assert open_pictures(pets, data) == name
    assert "ant/0000a.png" in read_names(name, data)


def test_an_empty_folder_is_refused(tmp_path, data):
    (tmp_path / "empty").mkdir()
    assert "holds no picture that can be read: it must have a folder" in refusal(
        tmp_path / "empty", data
    )


@pytest.mark.parametrize(
    ("counts", "one"), [({"a": 5}, "1 class"), ({"a": 5, "b": 5}, "2 classes")]
)
def test_too_few_classes_are_refused(tmp_path, data, counts, one):
    folder = make_folder(tmp_path / "few", counts)
    assert f"holds {one}: it must be 3 to 1,000" in refusal(folder, data)


def test_a_class_without_a_readable_picture_is_left_out_with_its_files(pets, data):
    (pets / "dog").mkdir()
    (pets / "dog" / "a.png").write_text("no picture")
    name = open_pictures(pets, data)
    assert facts_of(name).class_names == tuple(COUNTS)
    assert read_index(name, data).set_aside == (("dog/a.png", "is not a picture"),)


def test_a_class_with_one_picture_can_be_looked_at_and_not_be_trained_on(pets, data):
    save(pets / "dog" / "only.png", noise(70))
    name = open_pictures(pets, data)
    with pytest.raises(ConfigError) as caught:
        check_possible(RunConfig(data={"dataset": name}))
    assert str(caught.value) == (
        "imbalance = 'natural' is not possible: pets's class 'dog' has 1 image, and needs 3: one "
        "to train on, one for D_val, one to test."
    )


def test_a_test_set_that_lacks_a_class_is_refused(tmp_path, data):
    folder = make_folder(tmp_path / "split", COUNTS, "train")
    make_folder(folder, {"ant": 2, "bee": 2}, "test", first_seed=50)
    assert "The class 'cow' in" in refusal(folder, data)


def test_a_class_name_of_300_characters_is_refused(tmp_path, data):
    path = tmp_path / "long.npz"
    np.savez(path, images=np.zeros((3, 8, 8), np.uint8), labels=["a", "b", "c" * 300])
    sentence = refusal(path, data)
    assert "has a name of 300 characters: it must be at most 100" in sentence
    assert len(sentence) < 300


def test_a_file_name_of_300_characters_in_a_zip_is_read(pets, tmp_path, data):
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(pets.rglob("*.png")):
            long = "x" * 300 if file.name == "0000.png" else file.stem
            archive.write(file, f"{file.parent.name}/{long}.png")
    assert facts_of(open_pictures(path, data)).pool_counts == (9, 6, 3)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x" * 300, "cannot be read (File name too long)"),
        ("none", "is not there"),
        ("note.txt", "is of no kind that is read"),
        ("bad.zip", "is not a zip that can be read"),
        ("bad.npz", "is not an .npz that can be read"),
        ("bad.csv", "it needs one that is called path or"),
        ("bad.parquet", "is not a table that can be read"),
    ],
)
def test_what_is_no_place_of_pictures_is_refused(tmp_path, data, name, words):
    if "." in name:
        (tmp_path / name).write_text("a,b\n1,2\n")
    assert words in refusal(tmp_path / name, data)


def test_a_folder_that_changes_while_it_is_read_is_refused(pets, data, monkeypatch):
    really_write = writing.write_pictures

    def write_while_somebody_copies(*arguments):
        save(pets / "bee" / "late.png", noise(80))
        return really_write(*arguments)

    monkeypatch.setattr(opening, "write_pictures", write_while_somebody_copies)
    assert "changed while it was read: open it again" in refusal(pets, data)


def test_a_full_disk_is_refused_before_and_while_pictures_are_written(pets, data, monkeypatch):
    disk = SmallDisk(20_000, fails_with(errno.ENOSPC))
    with disk.in_use(monkeypatch):
        assert "has no room for the pictures: make room there" in refusal(pets, data)
    free = os.statvfs(pets)
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr(opening.shutil, "disk_usage", lambda _: usage)
    assert free.f_bavail
    assert "has no room for the pictures" in refusal(pets, data)


def test_a_data_folder_that_cannot_be_written_is_refused(pets, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatasetUnavailable, match="set BIKD_DATA to a folder that can be written"):
        open_pictures(pets, tmp_path / "file" / "data")


def test_pickles_in_an_npz_and_paths_out_of_a_table_are_not_followed(pets, data, tmp_path):
    save(tmp_path / "secret.png", noise(90))
    rows = [f"{file.relative_to(pets)},{file.parent.name}" for file in sorted(pets.rglob("*.png"))]
    (pets / "t.csv").write_text("\n".join(["path,label", *rows, "../secret.png,ant"]))
    name = open_pictures(pets / "t.csv", data)
    assert read_index(name, data).set_aside == (
        ("../secret.png", "lies outside the table's folder"),
    )
