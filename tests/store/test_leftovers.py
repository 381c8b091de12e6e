import os
import time

import pytest
from filelock import FileLock

from bikd_core.places import Places
from bikd_core.runs import RunManager
from bikd_core.store import leftovers
from bikd_core.store.leftovers import sweep
from tests.made_up import make_run


@pytest.fixture
def old(monkeypatch):
    """Let everything be old enough."""
    monkeypatch.setattr(leftovers, "YOUNG_S", -1.0)


@pytest.fixture
def run(tmp_path):
    run = make_run(tmp_path, done=1)
    for name in ("status.json.new", "frames/0002.npz.new"):
        (run.path / name).write_text("half")
    for name in ("checkpoint", "checkpoint.new", "checkpoint.old"):
        (run.path / name).mkdir()
        (run.path / name / "values.json").write_text("{}")
    return run


def make_hidden(runs_dir):
    for name in (".new-a", ".import-b", ".deleted-c"):
        (runs_dir / name / "frames").mkdir(parents=True)
        (runs_dir / name / "frames" / "0001.npz").write_text("x")


def test_leftovers_are_swept_and_the_runs_stay(tmp_path, run, old):
    make_hidden(tmp_path)
    (tmp_path / "notes").mkdir()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([run.run_id, "notes"])
    left = {path.name for path in run.path.rglob("*")}
    assert not any(name.endswith((".new", ".old")) for name in left)
    assert {"run.json", "status.json", "0001.npz", "checkpoint"} <= left
    run.events()


def test_the_former_checkpoint_stays_where_it_is_the_only_one(run, old):
    (run.path / "checkpoint" / "values.json").unlink()
    (run.path / "checkpoint").rmdir()
    sweep(run.path.parent)
    assert (run.path / "checkpoint.old").exists()


@pytest.mark.parametrize("name", ["lock", "record.lock"])
def test_what_somebody_holds_stays(tmp_path, run, old, name):
    make_hidden(tmp_path)
    with FileLock(run.path / name), FileLock(tmp_path / ".import-b" / "lock"):
        sweep(tmp_path)
    assert (run.path / "status.json.new").exists()
    assert (tmp_path / ".import-b").exists()
    assert not (tmp_path / ".new-a").exists()


def test_what_is_young_stays_for_the_time(tmp_path, run):
    make_hidden(tmp_path)
    sweep(tmp_path)
    assert (tmp_path / ".new-a").exists()
    assert (run.path / "status.json.new").exists()


def test_what_cannot_be_removed_stays_and_is_logged(run, old, monkeypatch, caplog):
    def refuse(path, **_):
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(leftovers.Path, "unlink", refuse)
    sweep(run.path.parent)
    assert (run.path / "status.json.new").exists()
    assert f"a leftover in {run.path} stays: " in caplog.text
    assert "Read-only" in caplog.text


def test_a_clock_that_has_jumped_does_no_harm(tmp_path, run):
    make_hidden(tmp_path)
    for days in (-1, 1):
        moment = time.time() + days * 86400
        os.utime(tmp_path / ".new-a", (moment, moment))
        sweep(tmp_path)
        assert (tmp_path / ".new-a").exists()


def test_a_server_sweeps_at_its_start(tmp_path, old):
    places = Places.at(tmp_path)
    places.runs.mkdir()
    make_hidden(places.runs)
    RunManager(places, in_process=True).shutdown()
    assert list(places.runs.iterdir()) == []


def test_a_folder_that_is_not_there_is_swept(tmp_path):
    sweep(tmp_path / "none")
