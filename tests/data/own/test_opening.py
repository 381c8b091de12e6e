"""Pictures of one's own are opened once, whole or not at all, and are a data source like others."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bikd_core.config import ConfigError, RunConfig, known_facts
from bikd_core.data.image_set import load_source
from bikd_core.data.long_tail import load_split
from bikd_core.data.own import opening
from bikd_core.data.own.cache import read_index
from bikd_core.data.own.opening import open_pictures, opened
from bikd_core.data.pictures import load_pictures
from bikd_core.data.possible import check_possible, models_for
from bikd_core.data.sources import DatasetUnavailable, facts_of, source_of
from tests.data.own.own_pictures import COUNTS, make_folder, noise, refusal, save

# What is opened -----------------------------------------------------------------------------------


def test_a_folder_becomes_a_data_set_with_its_pixels_in_order(pets, data):
    name = open_pictures(pets, data, size=20)
    facts, parts = facts_of(name), source_of(name).read(data)
    assert facts.class_names == tuple(COUNTS)
    assert facts.pool_counts == tuple(COUNTS.values())
    assert (facts.channels, facts.size, facts.has_test, facts.title) == (3, 20, False, "pets")
    expected = np.stack([noise(seed) for seed in range(18)])
    assert np.array_equal(parts.pool.pictures, expected)
    assert parts.pool.labels.tolist() == [0] * 9 + [1] * 6 + [2] * 3
    assert np.array_equal(load_pictures(name, [17, 0], data), expected[[17, 0]])


def test_grey_pictures_have_one_channel_and_networks_that_take_them(tmp_path, data):
    folder = make_folder(tmp_path / "scans", COUNTS, size=(12, 12), channels=1)
    name = open_pictures(folder, data, size=12)
    pictures = source_of(name).read(data).pool.pictures
    assert pictures.shape == (18, 12, 12, 1)
    assert np.array_equal(pictures[3, ..., 0], noise(3, (12, 12), 1))
    assert models_for(name) == ("digits_cnn_s", "digits_cnn_l")
    assert models_for(open_pictures(folder, data, size=40)) == ("grey_cnn_s", "grey_cnn_l")


def test_a_split_that_ships_is_kept(tmp_path, data):
    folder = make_folder(tmp_path / "split", COUNTS, "train")
    make_folder(folder, dict.fromkeys(COUNTS, 4), "test", first_seed=100)
    make_folder(folder, dict.fromkeys(COUNTS, 2), "Validation", first_seed=200)
    name = open_pictures(folder, data, size=20)
    split = load_split(RunConfig(data={"dataset": name}).data, data)
    assert split.class_counts == (9, 6, 3)  # nothing of train is taken for the other two
    assert len(split.test) == 12
    assert len(split.val) == 6

    def pixels(images):
        return {picture.tobytes() for picture in images.images.permute(0, 2, 3, 1).numpy()}

    assert pixels(split.train) == {noise(seed).tobytes() for seed in range(18)}
    assert pixels(split.test) == {noise(seed).tobytes() for seed in range(100, 112)}
    assert pixels(split.val) == {noise(seed).tobytes() for seed in range(200, 206)}
    rows = split.val.original_indices.tolist()
    shown = load_pictures(name, rows, data)
    assert np.array_equal(shown, split.val.images.permute(0, 2, 3, 1).numpy())


@pytest.mark.parametrize("top", ["", "pets/"])
def test_a_zip_holds_what_its_folder_holds(pets, tmp_path, data, top):
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__MACOSX/pets/ant/._0000.png", b"no picture")
        for file in sorted(pets.rglob("*.png")):
            archive.write(file, f"{top}{file.relative_to(pets)}")
    # The same pictures, classes and splits are the same data set, wherever they came from.
    assert open_pictures(path, data) == open_pictures(pets, data)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_names_pictures_classes_and_splits(pets, data, ending):
    files = sorted(pets.rglob("*.png"))
    table = pd.DataFrame(
        {
            "Path": [str(file.relative_to(pets)) for file in files] + ["ant/none.png"],
            "label": [file.parent.name for file in files] + ["ant"],
            "split": ["test" if file.name == "0000.png" else "train" for file in files] + ["train"],
        }
    )
    path = pets / f"table.{ending}"
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
    name = open_pictures(path, data)
    assert facts_of(name).pool_counts == (8, 5, 2)
    assert facts_of(name).test_counts == (1, 1, 1)
    index = read_index(name, data)
    assert index.set_aside == (("ant/none.png", "cannot be read (No such file or directory)"),)


def test_arrays_are_read_without_a_pickle(tmp_path, data):
    images = np.stack([noise(seed, (8, 8), 1) for seed in range(12)])
    labels = np.arange(12)[:, None] % 3
    path = tmp_path / "scans.npz"
    np.savez(path, train_images=images, train_labels=labels, class_names=["no", "maybe", "yes"])
    name = open_pictures(path, data, size=8)
    assert facts_of(name).class_names == ("no", "maybe", "yes")
    pictures = source_of(name).read(data).pool.pictures[..., 0]
    assert np.array_equal(pictures[:4], images[::3])
    np.savez(path, images=np.array([{}] * 3, dtype=object), labels=np.arange(3))
    assert "is not an .npz that can be read" in refusal(path, tmp_path / "other")


def test_numbers_as_class_names_are_in_their_order(tmp_path, data):
    folder = make_folder(tmp_path / "n", {"10": 3, "9": 3, "x": 3, "1": 3})
    assert facts_of(open_pictures(folder, data)).class_names == ("1", "9", "10", "x")


def test_class_names_of_any_script_and_with_html_stay_as_they_are(tmp_path, data):
    names = ("<b>bold<script>", "Ärger & Co", "ねこ", "кот", "قط", "🐈")
    folder = make_folder(tmp_path / "n", dict.fromkeys((n.replace("/", "") for n in names), 3))
    found = facts_of(open_pictures(folder, data)).class_names
    assert set(found) == set(names)


@pytest.mark.parametrize(
    ("folder", "title"),
    [("my pets (2)", "my pets (2)"), ("<b>x[a](b)`", "b x a (b)"), ("***", "pictures")],
)
def test_the_title_is_safe_in_any_sentence(tmp_path, data, folder, title):
    (tmp_path / folder.replace("/", "")).mkdir()
    place = make_folder(tmp_path / folder.replace("/", ""), COUNTS)
    assert facts_of(open_pictures(place, data)).title == title


def test_what_would_steer_a_terminal_is_replaced(tmp_path, data):
    folder = make_folder(tmp_path / "n", {"a\x1b[31m": 3, "b": 3, "c": 3})
    assert facts_of(open_pictures(folder, data)).class_names[0] == "a\ufffd[31m"


def test_a_thousand_classes_are_possible_and_more_are_refused(tmp_path, data):
    images = np.stack([noise(seed, (8, 8), 1) for seed in range(3003)])
    path = tmp_path / "many.npz"
    np.savez(path, images=images[:3000], labels=np.arange(3000) % 1000)
    name = open_pictures(path, data, size=8)
    config = RunConfig(data={"dataset": name})
    check_possible(config)
    assert len(load_split(config.data, data).train) == 1000
    np.savez(path, images=images, labels=np.arange(3003) % 1001)
    assert "holds 1001 classes: it must be 3 to 1,000" in refusal(path, tmp_path / "other")


# Opened once --------------------------------------------------------------------------------------


def test_a_second_opening_decodes_nothing(pets, data, monkeypatch):
    name = open_pictures(pets, data)
    monkeypatch.setattr(opening, "write_pictures", None)
    assert open_pictures(pets, data) == name
    assert opened(f"folder:{pets}", data) == name
    with pytest.raises(TypeError):
        open_pictures(pets, data, size=16)  # another size is decoded anew


def test_a_changed_folder_is_another_data_set_and_the_old_one_stays(pets, data):
    before = open_pictures(pets, data)
    save(pets / "cow" / "new.png", noise(99))
    after = open_pictures(pets, data)
    assert after != before
    assert facts_of(after).pool_counts == (9, 6, 4)
    assert facts_of(before).pool_counts == (9, 6, 3)
    assert len(load_source(before, data).pool) == 18


def test_a_damaged_cache_is_made_anew(pets, data):
    name = open_pictures(pets, data)
    file = data / "own" / name / "pictures.u8"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(DatasetUnavailable, match="is cut off: delete"):
        load_source(name, data)
    (data / "own" / name / "index.json").unlink()
    assert open_pictures(pets, data) == name
    assert len(load_source(name, data).pool) == 18


def test_progress_counts_the_pictures(pets, data):
    seen = []
    open_pictures(pets, data, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (18, 18)


def test_who_stops_it_leaves_nothing_behind(pets, data):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_pictures(pets, data, on_progress=stop)
    assert not list((data / "own").iterdir())


def test_pictures_that_are_not_here_are_refused_by_how_to_open_them(pets, data, tmp_path):
    name = open_pictures(pets, data)
    with pytest.raises(DatasetUnavailable, match=r"'pets' are not in .*/elsewhere: open them"):
        load_source(name, tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="not opened on this machine; bikd data look"):
        facts_of("own_pets_000000000000")
    with pytest.raises(ConfigError, match="not opened on this machine"):
        facts_of(f"folder:{pets}")


def test_another_process_finds_the_facts_in_the_home(pets, tmp_path, monkeypatch):
    monkeypatch.setenv("BIKD_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("BIKD_DATA", raising=False)
    name = open_pictures(pets, tmp_path / "home" / "data")
    expected = known_facts(name)
    monkeypatch.setattr("bikd_core.config.own_data._OWN_FACTS", {})
    assert known_facts(name) is None
    assert facts_of(name) == expected


@pytest.mark.parametrize(
    ("given", "size"), [("folder:{}", 32), ("folder:{}@48", 48), ("folder:{}@x", None)]
)
def test_the_size_may_stand_behind_the_path(pets, data, given, size):
    if size is None:
        with pytest.raises(DatasetUnavailable, match="is not there"):
            opened(given.format(pets), data)
    else:
        assert facts_of(opened(given.format(pets), data)).size == size


@pytest.mark.parametrize("size", [7, 65])
def test_a_size_out_of_range_is_refused(pets, data, size):
    with pytest.raises(ConfigError, match="a whole number from 8 to 64"):
        opened(f"folder:{pets}@{size}", data)


# The real thing -----------------------------------------------------------------------------------


def test_real_pictures_keep_their_pixels(tmp_path, data):
    folder = os.environ.get("BIKD_TEST_CIFAR10")
    if not folder:
        pytest.skip("BIKD_TEST_CIFAR10 does not name a folder with the real CIFAR-10")
    pool = source_of("cifar10").read(Path(folder)).pool
    names = facts_of("cifar10").class_names
    kept = []
    for label, count in enumerate((120, 60, 30, 15, 8, 5, 4, 3, 3, 3)):
        rows = np.flatnonzero(pool.labels == label)[:count]
        kept += [(label, row) for row in rows]
        for row in rows:
            save(tmp_path / "cifar" / f"{label}_{names[label]}" / f"{row}.png", pool.pictures[row])
    name = open_pictures(tmp_path / "cifar", data)
    found = source_of(name).read(data).pool
    want = {(label, pool.pictures[row].tobytes()) for label, row in kept}
    assert {
        (int(y), x.tobytes()) for x, y in zip(found.pictures, found.labels, strict=True)
    } == want
    split = load_split(RunConfig(data={"dataset": name}).data, data)
    assert split.class_counts == (70, 30, 10, 5, 4, 3, 2, 1, 1, 1)


def test_the_index_says_nothing_that_is_not_plain(pets, data):
    name = open_pictures(pets, data)
    stored = json.loads((data / "own" / name / "index.json").read_text())
    assert set(stored) == {"format", "facts", "place", "set_aside", "num_set_aside"}
    assert Image.MAX_IMAGE_PIXELS == 89_478_485  # the limit that the messages name
