"""Children, servers that die, and what is there afterwards."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from bikd_core.config import RunConfig
from bikd_core.events import EpochDone
from bikd_core.runs import RunError, StoreError, UnknownRun
from bikd_core.runs.child import WORKER
from bikd_core.store import create_run
from bikd_core.store.layouts import arrays
from tests import fake_training as fake
from tests.fake_training import config, until
from tests.made_up import epoch_done, frame, started
from tests.runs.waiting import LONG, reached, trained

# Children


@pytest.mark.slow
def test_one_spare_waits_and_the_next_is_started_after_the_first_epoch(new_manager):
    manager = new_manager(keeps_spares=True)
    assert len(manager.children) == 1
    first = manager.start(config(epochs=LONG))
    trained(manager, first, 2)
    until(lambda: len(manager.children) == 2)
    assert all(child.is_alive for child in manager.children)
    manager.stop(first)
    reached(manager, first, "stopped")
    reached(manager, manager.start(config()), "finished")
    until(lambda: len(manager.children) == 3)
    until(lambda: [child.is_alive for child in manager.children] == [False, False, True])


def test_shutdown_interrupts_what_trains_and_what_waits(manager):
    first, second = manager.start(config(epochs=LONG)), manager.start(config())
    trained(manager, first, 2)
    manager.shutdown()
    interrupted = manager.snapshot(first)
    assert interrupted.state == "interrupted"
    assert interrupted.folder.checkpoint_epoch() == len(interrupted.epochs)
    assert manager.snapshot(second).state == "interrupted"
    assert "before this run began" in manager.snapshot(second).reason
    with pytest.raises(RunError, match="shutting down"):
        manager.start(config())


SERVER = """
import sys
from pathlib import Path
from types import SimpleNamespace
from bikd_core.places import Places
from bikd_core.runs import RunManager
from tests.fake_training import WORKER, config, until

manager = RunManager(Places.at(Path(sys.argv[1])), worker=WORKER)
first, second = manager.start(config(epochs=10_000)), manager.start(config())
until(lambda: len(manager.snapshot(first).epochs) >= 2 and manager._spare._child)
[job] = manager._active
print(first, second, job._child.pid, manager._spare._child.pid)
sys.stdout.flush()
sys.stdin.read()
"""


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # dead, and nobody has asked how it died


@pytest.fixture
def server(tmp_path):
    root = Path(__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
        text=True,
    ) as process:
        yield process
        process.kill()


@pytest.mark.slow
def test_a_killed_server_leaves_no_process_and_its_runs_can_be_resumed(server, new_manager):
    first, second, *pids = server.stdout.readline().split()
    assert len(pids) == 2
    assert all(is_running(pid) for pid in pids)
    server.kill()
    until(lambda: not any(is_running(pid) for pid in pids))
    manager = new_manager()
    interrupted = manager.snapshot(first)
    assert interrupted.state == "interrupted"
    assert manager.snapshot(second).state == "interrupted"
    manager.resume_from_checkpoint(first)
    trained(manager, first, len(interrupted.epochs) + 1)


@pytest.mark.slow
def test_another_servers_run_is_followed_but_not_steered(server, new_manager):
    first, second, *_ = server.stdout.readline().split()
    manager = new_manager()
    seen = manager.snapshot(first)
    assert seen.state == "running"
    assert manager.snapshot(second).state == "queued"
    trained(manager, first, len(seen.epochs) + 2)
    for ask in (manager.stop, manager.pause):
        with pytest.raises(RunError, match="Another process trains"):
            ask(first)
    with pytest.raises(RunError, match="stop it first"):
        manager.delete(first)
    with pytest.raises(RunError, match="nothing to resume"):
        manager.resume_from_checkpoint(first)
    server.kill()
    assert until(lambda: manager.snapshot(first).has_ended)
    assert manager.snapshot(first).state == "interrupted"


# Earlier runs


@pytest.mark.slow
def test_earlier_runs_are_there_after_a_restart_and_look_the_same(new_manager):
    one = new_manager()
    finished, stopped = one.start(config()), one.start(config(epochs=LONG))
    reached(one, finished, "finished")
    trained(one, stopped, 2)
    one.stop(stopped)
    reached(one, stopped, "stopped")
    one.shutdown()
    other = new_manager()
    assert [snapshot.run_id for snapshot in other.list()] == [stopped, finished]
    for run_id in (finished, stopped):
        before, after = one.snapshot(run_id), other.snapshot(run_id)
        for field in ("name", "config", "state", "resolved", "epochs", "controls", "created"):
            assert getattr(before, field) == getattr(after, field)


@pytest.mark.slow
def test_a_killed_child_can_be_resumed_and_ends_as_if_undisturbed(parent, places):
    whole = reached(parent, parent.start(config(epochs=40)), "finished")
    run_id = parent.start(config(epochs=40))
    parent.pause(run_id)
    reached(parent, run_id, "paused")
    parent.step(run_id, "epoch")
    until(lambda: parent.snapshot(run_id).folder.checkpoint_epoch() == 1)
    parent.resume(run_id)
    trained(parent, run_id, 3)
    [child] = [child for child in parent.children if child.pid == pid_of(parent, run_id)]
    os.kill(child.pid, signal.SIGKILL)
    assert len(reached(parent, run_id, "failed").epochs) >= 3
    parent.resume_from_checkpoint(run_id)
    assert reached(parent, run_id, "finished").epochs == whole.epochs


def pid_of(manager, run_id):
    return manager._job_of(run_id)._child.pid


def test_a_damaged_log_is_told_in_the_reason(manager, places):
    folder = create_run(places.runs, config())
    folder.append(started())
    folder.log_path.write_text(folder.log_path.read_text() + "junk\n")
    snapshot = manager.snapshot(folder.run_id)
    assert snapshot.state == "failed"
    assert "events.jsonl:2" in snapshot.reason


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("status.json", {"state": "asleep"}),
        ("status.json", {"epoch": -1}),
        ("run.json", {"created": "2026-11-24T19:24:12"}),
        ("run.json", {"created": "9999-12-31T23:59:59Z"}),
        ("run.json", {"resolved": {"num_threads": "two"}}),
        ("run.json", {"config": None}),
    ],
)
def test_a_broken_run_is_told_apart_and_the_others_are_listed(manager, places, name, change):
    good, bad = create_run(places.runs, config()), create_run(places.runs, config())
    path = bad.path / name
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert [snapshot.run_id for snapshot in manager.list()] == [good.run_id]
    [broken] = manager.broken()
    assert broken.run_id == bad.run_id
    [field] = change
    assert re.search(rf"{re.escape(name)}: {field}", broken.reason)
    assert "\n" not in broken.reason
    manager.delete(bad.run_id)
    assert manager.broken() == ()
    assert not bad.path.exists()


def test_a_run_that_breaks_while_the_server_lives_is_broken(manager, places):
    folder = create_run(places.runs, config())
    assert [run.run_id for run in manager.list()] == [folder.run_id]
    (folder.path / "run.json").write_text("junk")
    assert manager.list() == ()
    assert [run.run_id for run in manager.broken()] == [folder.run_id]


def test_a_run_that_nobody_trains_is_interrupted(manager, places):
    folder = create_run(places.runs, config(epochs=4))
    for item in (started(), frame(1), epoch_done(1)):
        folder.append(item)
    folder.write_status("running", epoch=1, epochs=4)
    snapshot = manager.snapshot(folder.run_id)
    assert (snapshot.state, len(snapshot.epochs)) == ("interrupted", 1)
    assert "while this run trained" in snapshot.reason
    with folder.lock():
        assert manager.snapshot(folder.run_id).state == "running"
        assert manager.snapshot(folder.run_id).seconds_left == 3 * 2.0
        folder.append(epoch_done(2))
        assert len(manager.snapshot(folder.run_id).epochs) == 2


def test_a_teacher_that_is_trained_first_is_seen(manager):
    end = reached(manager, manager.start(config(seed=fake.TRAINS_A_TEACHER)), "finished")
    assert [event.epoch for event in end.teacher_epochs] == [1, 2]


def test_renaming_shows_at_once_even_while_it_trains(manager):
    run_id = manager.start(config(epochs=LONG), "old")
    trained(manager, run_id)
    manager.rename(run_id, "new")
    assert manager.snapshot(run_id).name == "new"
    with pytest.raises(StoreError, match="200 characters"):
        manager.rename(run_id, "x" * 201)


def test_a_run_is_deleted_only_when_it_has_ended(manager):
    run_id, waiting = manager.start(config(epochs=LONG)), manager.start(config())
    for one in (run_id, waiting):
        with pytest.raises(RunError, match="stop it first"):
            manager.delete(one)
    manager.stop(run_id)
    reached(manager, run_id, "stopped")
    manager.delete(run_id)
    with pytest.raises(UnknownRun):
        manager.snapshot(run_id)
    reached(manager, waiting, "finished")
    assert [snapshot.run_id for snapshot in manager.list()] == [waiting]


def comparable(snapshot):
    """Its epochs without what the clock says."""
    none = dict.fromkeys(EpochDone.WALL_CLOCK, 0.0)
    return [dataclasses.replace(epoch, **none) for epoch in snapshot.epochs]


@pytest.mark.slow
def test_a_real_run_that_was_killed_and_resumed_equals_an_undisturbed_one(new_manager):
    manager = new_manager(worker=WORKER)
    asked = RunConfig.from_flat({"epochs": 6, "inner_steps": 3, "device": "cpu"})
    whole = reached(manager, manager.start(asked), "finished")
    run_id = manager.start(asked)
    manager.step(run_id, "epoch")
    until(lambda: manager.snapshot(run_id).state == "paused")
    assert manager.snapshot(run_id).folder.checkpoint_epoch() == 1
    manager.step(run_id, "outer")
    until(lambda: manager.snapshot(run_id).controls[-1].step > whole.epochs[0].step)
    manager.step(run_id, "inner")
    os.kill(pid_of(manager, run_id), signal.SIGKILL)
    reached(manager, run_id, "failed")
    manager.resume_from_checkpoint(run_id)
    resumed = reached(manager, run_id, "finished")
    assert comparable(resumed) == comparable(whole)
    for epoch in range(1, 7):
        one, other = whole.folder.frame(epoch), resumed.folder.frame(epoch)
        for name, array in arrays(one).items():
            np.testing.assert_array_equal(array, getattr(other, name))
    assert student_of(resumed) == student_of(whole)
    assert (resumed.folder.path / "worker.log").exists()


def student_of(snapshot):
    return {
        name: array.tobytes()
        for name, array in load_file(snapshot.folder.path / "student.safetensors").items()
    }
