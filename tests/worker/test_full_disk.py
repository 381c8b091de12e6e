"""A disk that fills up while a run trains: state, reason and traceback are kept all the same."""

import errno
import os
import subprocess

import pytest

from bikd_core.control import Control
from bikd_core.places import Places
from bikd_core.store import arrays, create_run, files
from bikd_core.worker.recording import record
from tests import fake_training
from tests.fake_training import FakeTraining, config
from tests.repeated import first_quick


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(fake_training, "SECONDS_PER_STEP", 0.0)


def train(folder, places, **values):
    return record(folder, places, Control(), FakeTraining, num_threads=1, **values)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_the_last_words_take_the_room_that_was_reserved(tmp_path, monkeypatch, code):
    places = Places.at(tmp_path)
    folder = create_run(places.runs, config(epochs=5))
    is_full = False
    write = files.replace_bytes

    def fill_up(path, item):
        nonlocal is_full
        is_full = is_full or "0003" in path.name
        if is_full:
            raise OSError(code, os.strerror(code), str(path))

    def write_where_there_is_room(path, content):
        if is_full and (folder.path / "reserve").exists():
            raise OSError(code, os.strerror(code), str(path))
        write(path, content)

    monkeypatch.setattr("bikd_core.store.folder.write_arrays", fill_up)
    monkeypatch.setattr(files, "replace_bytes", write_where_there_is_room)
    outcome = train(folder, places)
    assert outcome.state == folder.status().state == "failed"
    assert outcome.reason == folder.status().reason
    assert os.strerror(code) in outcome.reason
    assert "MB free" in outcome.reason
    assert "0003.npz" in (folder.path / "traceback.txt").read_text()
    assert folder.events()[-1].reason == outcome.reason


def test_a_file_that_could_not_be_written_takes_no_room(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(arrays.np, "savez", fail)
    folder = create_run(tmp_path / "runs", config(epochs=5))
    train(folder, Places.at(tmp_path))
    assert not list(folder.path.rglob("*.new"))


def test_a_run_that_has_ended_gives_the_room_back(tmp_path):
    folder = create_run(tmp_path / "runs", config(epochs=2))
    assert train(folder, Places.at(tmp_path)).state == "finished"
    assert not (folder.path / "reserve").exists()


@pytest.fixture(params=first_quick([200, *range(120, 500, 20)]))
def small_disk(tmp_path, request):
    """A real disk of so many kB; it can grow."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={request.param}k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("NOT TESTED: a full disk, since only root can mount a small one")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_run_on_a_disk_that_fills_up_says_so_and_can_be_resumed(small_disk, tmp_path):
    places = Places.at(small_disk)
    folder = create_run(places.runs, config(epochs=140))
    outcome = train(folder, places)
    assert outcome.state == folder.status().state == "failed"
    assert "No space left on device, 0.0 MB free" in folder.status().reason
    assert "No space left" in (folder.path / "traceback.txt").read_text()
    assert folder.checkpoint_epoch() <= folder.status().epoch
    grow = ["mount", "-o", "remount,size=20m", str(small_disk)]
    subprocess.run(grow, check=True)
    assert train(folder, places, resume=True).state == "finished"
    undisturbed = create_run(tmp_path / "runs", config(epochs=140))
    train(undisturbed, places)
    assert folder.events() == undisturbed.events()
