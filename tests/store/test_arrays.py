"""The one cache of arrays, and what it keeps apart."""

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bikd_core.store import RunFolder, StoreError, arrays, create_run
from bikd_core.store.arrays import ArrayCache, File
from tests.fake_training import config
from tests.made_up import frame, started


@pytest.fixture
def cache(monkeypatch):
    """A cache of its own for each test."""
    made = ArrayCache(10**6)
    monkeypatch.setattr(arrays, "_cache", made)
    return made


@pytest.fixture
def loads(cache, monkeypatch):
    """The names of the files that are read from the disk, in turn."""
    names = []
    load = arrays.load_arrays

    def noted(path, *args):
        names.append(path.name)
        return load(path, *args)

    monkeypatch.setattr(arrays, "load_arrays", noted)
    return names


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    folder = create_run(tmp_path, config())
    folder.append(started())
    folder.append(frame(1, 2.5))
    return folder


def test_a_frame_is_read_once_for_all_readers(folder, loads):
    first, second = folder.frame(1), RunFolder(folder.path).frame(1)
    assert loads == ["0001.npz"]
    assert first.ce_student is second.ce_student
    assert folder.frame_arrays(1, "ce_student")["ce_student"] is first.ce_student
    assert loads == ["0001.npz"]


def test_a_frame_in_memory_needs_no_look_at_the_log(folder, cache):
    kept = folder.frame(1)
    folder.log_path.unlink()
    assert RunFolder(folder.path).frame(1).ce_student is kept.ce_student


def test_some_arrays_of_a_frame_are_read_without_the_others(folder, cache):
    found = folder.frame_arrays(1, "confusion", "histograms")
    assert set(found) == {"confusion", "histograms"}
    assert found["confusion"].tolist() == [[1, 0], [0, 1]]
    assert found["histograms"] is None
    assert cache.num_bytes < 2000


def test_an_epoch_that_is_trained_again_is_read_again(folder, loads):
    assert folder.frame(1).ce_student[0] == 2.5
    folder.append(frame(1, 7.5))
    assert folder.frame(1).ce_student[0] == 7.5
    assert loads == ["0001.npz"] * 2


def test_a_file_that_is_written_over_in_place_is_read_again(folder, loads):
    assert folder.frame(1).ce_student[0] == 2.5
    folder.append(frame(2, 7.5))
    path, other = (folder.path / "frames" / name for name in ("0001.npz", "0002.npz"))
    path.write_bytes(other.read_bytes())  # as large as before
    os.utime(path, ns=(0, 1))
    assert folder.frame(1).ce_student[0] == 7.5


def test_a_frame_that_is_gone_is_not_served_from_memory(folder, cache):
    folder.frame(1)
    os.unlink(folder.path / "frames" / "0001.npz")
    with pytest.raises(StoreError, match=r"no 0001\.npz"):
        folder.frame(1)


def test_runs_of_one_id_in_two_folders_are_kept_apart(folder, tmp_path, cache):
    other = RunFolder(tmp_path / "elsewhere" / folder.run_id)
    (other.path / "frames").mkdir(parents=True)
    other.append(started())
    other.append(frame(1, 4.5))
    assert (folder.frame(1).ce_student[0], other.frame(1).ce_student[0]) == (2.5, 4.5)


def test_what_is_shared_cannot_be_changed(folder, cache):
    with pytest.raises(ValueError, match="read-only"):
        folder.frame(1).ce_student[0] = 0


def test_the_cache_drops_what_was_not_used_for_longest():
    cache = ArrayCache(3 * 1500)
    files = [File("run", inode, 0, 0) for inode in range(4)]
    for file in files[:3]:
        cache.put(file, {"weights": np.zeros(1000, np.uint8)})
    assert cache.get(files[0], ["weights"]) is not None
    cache.put(files[3], {"weights": np.zeros(1000, np.uint8)})
    held = [cache.get(file, ["weights"]) is not None for file in files]
    assert held == [True, False, True, True]
    assert cache.num_bytes == 3 * 1500


def test_an_array_larger_than_the_cache_is_given_but_not_kept():
    cache = ArrayCache(1000)
    cache.put(File("run", 1, 0, 0), {"weights": np.zeros(2000, np.uint8)})
    assert cache.num_bytes == 0


def test_many_may_read_at_once(folder, cache):
    for epoch in range(2, 20):
        folder.append(dataclasses.replace(frame(epoch, epoch), epoch=epoch))
    epochs = [1 + number % 19 for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        frames = list(pool.map(folder.frame, epochs))
    for epoch, read in zip(epochs, frames, strict=True):
        assert read.ce_student[0] == (2.5 if epoch == 1 else epoch)
