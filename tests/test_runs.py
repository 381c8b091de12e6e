import dataclasses
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load_file

from bikd_core.config import ConfigError, RunConfig
from bikd_core.data.facts import planned_counts
from bikd_core.events import EpochDone, TeacherEpochDone, arrays
from bikd_core.places import Places
from bikd_core.runs import RunError, RunManager, StoreError, UnknownRun, estimate, job, spare
from bikd_core.runs.child import WORKER, Child
from bikd_core.store import create_run
from tests import fake_training as fake
from tests.fake_training import config, epoch_done, frame, started, until

LONG = 10_000  # epochs: a run that ends only when told to


@pytest.fixture
def places(tmp_path) -> Places:
    return Places.at(tmp_path)


@pytest.fixture
def new_manager(places, monkeypatch):
    """Makes managers whose children train with the fake; at the end none is left."""
    managers, children = [], []

    class Counted(spare.Child):
        def __init__(self, command):
            super().__init__(command)
            children.append(self)

    monkeypatch.setattr(spare, "Child", Counted)

    def new_manager(*, keeps_spares=False, **values):
        manager = RunManager(places, **{"worker": fake.WORKER} | values)
        if not keeps_spares:  # beyond the first: most tests would never use one
            monkeypatch.setattr(manager, "_warm_up", lambda: None)
        manager.children = children
        managers.append(manager)
        return manager

    yield new_manager
    for manager in managers:
        manager.shutdown()
    assert not [child.pid for child in children if child.is_alive]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("run ")]


@pytest.fixture
def manager(new_manager) -> RunManager:
    return new_manager()


def reached(manager, run_id, *states):
    """Wait until a run has one of these states; its snapshot then."""

    def look():
        snapshot = manager.snapshot(run_id)
        assert snapshot.state in states or not snapshot.has_ended, snapshot.reason
        return snapshot if snapshot.state in states else None

    return until(look)


def trained(manager, run_id, epochs=1):
    """Wait until a run has trained some epochs; its snapshot then."""

    def look():
        snapshot = manager.snapshot(run_id)
        assert len(snapshot.epochs) >= epochs or not snapshot.has_ended, snapshot.reason
        return snapshot if len(snapshot.epochs) >= epochs else None

    return until(look)


# One run


def test_a_run_is_followed_from_start_to_end(manager):
    run_id = manager.start(config(epochs=4), "first")
    end = reached(manager, run_id, "finished")
    assert end.name == "first"
    assert [epoch.epoch for epoch in end.epochs] == [1, 2, 3, 4]
    assert list(end.epochs) == [e for e in end.folder.events() if isinstance(e, EpochDone)]
    assert end.resolved.class_names == ("a", "b")
    assert (end.reason, end.queue_position, end.seconds_left) == ("", None, None)
    assert end.has_ended
    assert not end.can_resume


def test_versions_rise_with_what_they_stand_for(manager):
    run_id = manager.start(config(epochs=20))
    seen = []

    def look():
        seen.append(manager.snapshot(run_id))
        return seen[-1].has_ended

    until(look)
    assert [s.version for s in seen] == sorted(s.version for s in seen)
    for before, after in itertools.pairwise(seen):
        assert (before is after) == (before.version == after.version)
        assert len(before.epochs) <= len(after.epochs)
    assert seen[-1].version > seen[0].version


def test_readers_in_many_threads_see_one_history(manager):
    run_id = manager.start(config(epochs=30))
    histories = [[] for _ in range(6)]

    def read(history):
        while not history or not history[-1].has_ended:
            history.append(manager.snapshot(run_id))

    threads = [threading.Thread(target=read, args=(history,)) for history in histories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    by_version = {}
    for snapshot in (snapshot for history in histories for snapshot in history):
        assert by_version.setdefault(snapshot.version, snapshot).epochs == snapshot.epochs
    assert {len(history[-1].epochs) for history in histories} == {30}


def test_pause_step_and_resume(manager):
    run_id = manager.start(config(epochs=LONG))
    trained(manager, run_id)
    manager.pause(run_id)
    paused = reached(manager, run_id, "paused")
    assert paused.controls[-1].control == "paused"
    assert paused.folder.checkpoint_epoch() <= len(paused.epochs)
    manager.step(run_id, "epoch")
    until(lambda: manager.snapshot(run_id).state == "paused" and manager.snapshot(run_id).last_step)
    stepped = manager.snapshot(run_id)
    assert len(stepped.epochs) == len(paused.epochs) + 1
    last = stepped.last_step
    assert stepped.folder.trace(last.step).losses[0] == last.step
    manager.step(run_id, "inner")
    until(lambda: manager.snapshot(run_id).last_step.step == stepped.last_step.step + 1)
    reached(manager, run_id, "paused")
    manager.resume(run_id)
    reached(manager, run_id, "running")
    assert trained(manager, run_id, len(stepped.epochs) + 2).seconds_left > 0


def test_the_learning_rate_changes_while_it_trains(manager):
    run_id = manager.start(config(epochs=LONG))
    manager.set_learning_rate(run_id, 0.125)
    until(lambda: manager.snapshot(run_id).controls)
    change = manager.snapshot(run_id).controls[0]
    assert (change.control, change.value) == ("learning_rate", 0.125)
    with pytest.raises(ValueError, match=r"learning_rate = 11 .* at most 10"):
        manager.set_learning_rate(run_id, 11)
    with pytest.raises(ValueError, match="level = 'leap' is not possible: one of inner, outer"):
        manager.step(run_id, "leap")


def test_a_stopped_run_goes_on_where_it_stopped(manager):
    run_id = manager.start(config(epochs=LONG))
    trained(manager, run_id, 3)
    manager.stop(run_id)
    manager.stop(run_id)
    stopped = reached(manager, run_id, "stopped")
    assert stopped.folder.checkpoint_epoch() == len(stopped.epochs)
    manager.resume_from_checkpoint(run_id)
    going_on = trained(manager, run_id, len(stopped.epochs) + 1)
    assert going_on.epochs[: len(stopped.epochs)] == stopped.epochs
    assert going_on.version > stopped.version
    with pytest.raises(RunError, match="nothing to resume"):
        manager.resume_from_checkpoint(run_id)


def test_a_run_that_does_not_stop_is_ended(manager, monkeypatch):
    monkeypatch.setattr(job, "STOP_GRACE_S", 0.3)
    run_id = manager.start(config(seed=fake.IS_DEAF))
    log = trained(manager, run_id, 2).folder.path / "worker.log"
    until(lambda: "prints" in log.read_text())
    manager.stop(run_id)
    stopped = reached(manager, run_id, "stopped")
    assert "did not end within 0.3 s" in stopped.reason
    assert stopped.folder.status().state == "stopped"


def test_what_is_asked_of_a_run_that_has_ended_is_ignored(manager):
    run_id = manager.start(config())
    reached(manager, run_id, "finished")
    manager.pause(run_id)
    manager.resume(run_id)
    manager.step(run_id, "outer")
    manager.stop(run_id)
    assert manager.snapshot(run_id).state == "finished"
    with pytest.raises(RunError, match="is finished: nothing to resume"):
        manager.resume_from_checkpoint(run_id)


def test_junk_ids_are_unknown_runs(manager):
    steer = (manager.pause, manager.resume, manager.stop, manager.resume_from_checkpoint)
    for junk in ("", "..", "../../etc", "no-such-run", "x" * 300, "a\x00b"):
        for ask in (manager.snapshot, manager.delete, *steer):
            with pytest.raises(UnknownRun):
                ask(junk)
        with pytest.raises(UnknownRun):
            manager.rename(junk, "name")


def test_what_cannot_be_trained_is_refused_before_anything_is_written(manager, places):
    with pytest.raises(ConfigError, match="val_per_class"):
        manager.start(config(val_per_class=1000))
    with pytest.raises(ConfigError, match=r"student = 'resnet20' does not take .*digits_mlp"):
        manager.start(config(student="resnet20"))
    assert not places.runs.exists()


def test_an_unwritable_folder_is_one_sentence(new_manager, tmp_path):
    (tmp_path / "runs").write_text("in the way")
    manager = new_manager()
    with pytest.raises(StoreError, match="cannot be written"):
        manager.start(config())
    assert manager.list() == ()


# The queue


def test_runs_queue_in_order_and_know_their_position(manager):
    first, second, third = (manager.start(config(epochs=LONG)) for _ in range(3))
    trained(manager, first)
    assert [manager.snapshot(run).state for run in (first, second, third)] == [
        "running",
        "queued",
        "queued",
    ]
    assert [manager.snapshot(run).queue_position for run in (first, second, third)] == [None, 1, 2]
    manager.stop(second)
    assert manager.snapshot(second).state == "stopped"
    assert manager.snapshot(second).queue_position is None
    assert manager.snapshot(third).queue_position == 1
    manager.stop(first)
    assert trained(manager, third).queue_position is None
    assert manager.snapshot(second).epochs == ()
    manager.resume_from_checkpoint(second)
    assert manager.snapshot(second).queue_position == 1


def test_a_queued_run_can_be_asked_to_begin_paused(manager):
    first, second = manager.start(config(epochs=LONG)), manager.start(config(epochs=LONG))
    manager.pause(second)
    manager.stop(first)
    paused = reached(manager, second, "paused")
    assert paused.controls[0].step == 1


def test_more_runs_train_at_once_where_that_is_set(new_manager):
    manager = new_manager(max_training=2)
    first, second, third = (manager.start(config(epochs=LONG)) for _ in range(3))
    trained(manager, first)
    trained(manager, second)
    assert manager.snapshot(third).queue_position == 1
    with pytest.raises(ValueError, match="max_training = 0"):
        new_manager(max_training=0)


# Failures


REASONS = {
    fake.REFUSES: r"^teacher = 'nobody' is not possible: there is no such file\.$",
    fake.DIVERGES: "^RuntimeError: nan in epoch 3$",
    fake.RUNS_OUT_OF_MEMORY: "not enough memory: a smaller batch_size",
    fake.IS_KILLED: r"killed \(signal 9\); running out of memory is the usual cause",
    fake.CRASHES: r"signal 11 \(Segmentation fault\); see worker\.log",
    fake.EXITS: r"ended by itself \(exit code 7\); see worker\.log",
}


def test_failing_runs_say_why_and_the_next_ones_train(manager):
    runs = {trouble: manager.start(config(epochs=5, seed=trouble)) for trouble in REASONS}
    last = manager.start(config())
    for trouble, run_id in runs.items():
        failed = reached(manager, run_id, "failed")
        assert re.search(REASONS[trouble], failed.reason)
        assert failed.folder.status().reason == failed.reason
        assert failed.folder.events()[-1].reason == failed.reason
        assert len(failed.epochs) == (0 if trouble == fake.REFUSES else 2)
        assert failed.can_resume
    assert len(reached(manager, last, "finished").epochs) == 3


def test_the_traceback_of_a_failure_is_in_the_folder(manager):
    failed = reached(manager, manager.start(config(seed=fake.DIVERGES)), "failed")
    assert "go_wrong" in (failed.folder.path / "traceback.txt").read_text()


def test_a_child_that_cannot_import_fails_its_run_with_the_reason(new_manager):
    manager = new_manager(worker=(*fake.WORKER, "fails-at-import"), keeps_spares=True)
    for _ in range(2):  # with the spare, dead or not, and with its successor
        failed = reached(manager, manager.start(config()), "failed")
        assert failed.reason == (
            "The training process could not start: "
            "ImportError: libtorch.so: cannot open shared object file"
        )


def test_a_message_that_death_cut_off_is_none():
    code = """print('{"kind": "ready"}\\n{"kind": "epo', end="")"""
    child = Child((sys.executable, "-c", code))
    assert list(child.messages()) == [{"kind": "ready"}]
    assert child.epitaph().startswith("The training process ended by itself (exit code 0)")
    child.close(0)


def test_a_spare_that_died_is_replaced(manager):
    spare = manager.children[0]
    os.kill(spare.pid, signal.SIGKILL)
    until(lambda: not spare.is_alive)
    reached(manager, manager.start(config()), "finished")


def test_a_run_whose_folder_vanishes_fails_and_the_next_one_trains(manager, places):
    run_id = manager.start(config(epochs=LONG))
    trained(manager, run_id)
    (places.runs / run_id).rename(places.runs / "gone")
    until(lambda: not manager.children[0].is_alive)
    with pytest.raises(UnknownRun):
        manager.snapshot(run_id)
    reached(manager, manager.start(config()), "finished")


# Children


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


def test_shutdown_interrupts_what_trains_and_what_waits(new_manager):
    manager = new_manager()
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
[job] = manager._active.values()
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


def test_a_killed_child_can_be_resumed_and_ends_as_if_undisturbed(manager, places):
    whole = reached(manager, manager.start(config(epochs=40)), "finished")
    run_id = manager.start(config(epochs=40))
    manager.pause(run_id)
    reached(manager, run_id, "paused")
    manager.step(run_id, "epoch")
    until(lambda: manager.snapshot(run_id).folder.checkpoint_epoch() == 1)
    manager.resume(run_id)
    trained(manager, run_id, 3)
    [child] = [child for child in manager.children if child.pid == pid_of(manager, run_id)]
    os.kill(child.pid, signal.SIGKILL)
    assert len(reached(manager, run_id, "failed").epochs) >= 3
    manager.resume_from_checkpoint(run_id)
    assert reached(manager, run_id, "finished").epochs == whole.epochs


def pid_of(manager, run_id):
    return manager._active[run_id]._child.pid


def test_a_damaged_log_is_told_in_the_reason(manager, places):
    folder = create_run(places.runs, config())
    folder.append(started())
    folder.log_path.write_text(folder.log_path.read_text() + "junk\n")
    snapshot = manager.snapshot(folder.run_id)
    assert snapshot.state == "failed"
    assert "events.jsonl:2" in snapshot.reason


def test_a_damaged_run_leaves_the_list_and_the_others_stay(manager, places):
    good, bad = create_run(places.runs, config()), create_run(places.runs, config())
    (bad.path / "status.json").write_text("junk")
    assert [snapshot.run_id for snapshot in manager.list()] == [good.run_id]


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
    manager.step(run_id, "epoch")  # the pause after it leaves a checkpoint
    until(lambda: manager.snapshot(run_id).folder.checkpoint_epoch() == 1)
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


# In the server's own process


def test_training_in_the_thread_itself_leaves_the_same(new_manager, monkeypatch):
    monkeypatch.setattr(job, "load_training", lambda: fake.FakeTraining)
    inside, outside = new_manager(in_process=True), new_manager()
    here = reached(inside, inside.start(config(epochs=4)), "finished")
    there = reached(outside, outside.start(config(epochs=4)), "finished")
    assert here.epochs == there.epochs
    names = [{p.name for p in run.folder.path.rglob("*")} for run in (here, there)]
    assert names[0] | {"worker.log"} == names[1]


def test_a_run_in_the_thread_itself_is_steered_and_fails_alike(new_manager, monkeypatch):
    monkeypatch.setattr(job, "load_training", lambda: fake.FakeTraining)
    manager = new_manager(in_process=True)
    run_id = manager.start(config(epochs=LONG))
    trained(manager, run_id)
    manager.pause(run_id)
    reached(manager, run_id, "paused")
    manager.stop(run_id)
    reached(manager, run_id, "stopped")
    failed = reached(manager, manager.start(config(seed=fake.DIVERGES)), "failed")
    assert failed.reason == "RuntimeError: nan in epoch 3"
    interrupted = manager.start(config(epochs=LONG))
    trained(manager, interrupted)
    manager.shutdown()
    assert manager.snapshot(interrupted).state == "interrupted"


# Before Start

# The default split of the digits: 318 images to train on, 100 + 580 to evaluate on.
DIGITS = RunConfig.from_flat({"epochs": 10})
NUM_IMAGES, NUM_EVALUATED = sum(planned_counts(DIGITS.data)), 680


def estimated(manager, asked):
    return until(lambda: manager.estimate(asked))


@pytest.fixture(autouse=True)
def stored_teachers(monkeypatch):
    """The cards that an estimate sees; none at first."""
    cards = []
    monkeypatch.setattr(estimate, "list_teachers", lambda folders: cards)
    return cards


TEACHER_OF_DIGITS = ("one", SimpleNamespace(model="digits_cnn_l", data=DIGITS.data))


def earlier_run(places, asked, *items):
    folder = create_run(places.runs, asked)
    for item in items:
        folder.append(item)
    folder.write_status("stopped", epoch=1, epochs=10)


def test_the_estimate_comes_from_the_last_run_like_it(manager, places, stored_teachers):
    stored_teachers.append(TEACHER_OF_DIGITS)
    # 145 images at 5 a second take 29 s of the 31; evaluating 100 + 580 takes the other 2.
    resolved = {"class_counts": tuple(range(10, 20)), "num_val": 100, "num_test": 580}
    begun = dataclasses.replace(started(), **resolved)
    earlier_run(places, DIGITS, begun, epoch_done(1, seconds=31.0))
    assert manager.estimate(DIGITS) == pytest.approx(10 * (NUM_IMAGES / 5 + 2))
    half = DIGITS.changed(test_per_class=24, epochs=5)  # 340 to evaluate, and more to train on
    num_images = sum(planned_counts(half.data))
    teacher = 60 * num_images * 0.2  # none is stored for that split, so it is measured
    assert estimated(manager, half) == pytest.approx(5 * (num_images / 5 + 1) + teacher)


def test_without_an_earlier_run_a_few_steps_are_timed(manager, stored_teachers):
    stored_teachers.append(TEACHER_OF_DIGITS)
    assert manager.estimate(DIGITS) is None
    seconds = 10 * (NUM_IMAGES * 0.1 + NUM_EVALUATED * 0.01)
    assert estimated(manager, DIGITS) == pytest.approx(seconds)
    assert manager.estimate(DIGITS.changed(epochs=20)) == pytest.approx(2 * seconds)
    assert manager.estimate(DIGITS.changed(seed=9)) == pytest.approx(seconds)


def test_a_teacher_that_will_be_trained_first_counts(manager, places):
    seconds = 10 * (NUM_IMAGES * 0.1 + NUM_EVALUATED * 0.01)
    teacher = 60 * NUM_IMAGES * 0.2
    assert estimated(manager, DIGITS) == pytest.approx(seconds + teacher)
    named = DIGITS.changed(teacher="one-of-mine")
    assert manager.estimate(named) == pytest.approx(seconds)
    epoch = TeacherEpochDone(epoch=1, epochs=60, seconds=4.0, accuracy=0.5)
    earlier_run(places, DIGITS, epoch)
    assert manager.estimate(DIGITS) == pytest.approx(seconds + 60 * 4)


def test_what_cannot_be_measured_has_no_estimate_and_costs_no_child(manager):
    odd = DIGITS.changed(batch_size=2)
    assert manager.estimate(odd) is None
    assert estimated(manager, DIGITS)
    assert manager.estimate(odd) is None
    reached(manager, manager.start(config()), "finished")
    assert len(manager.children) <= 3


def test_what_cannot_be_trained_is_refused_before_it_is_measured(manager):
    with pytest.raises(ConfigError, match="val_per_class"):
        manager.estimate(config(val_per_class=1000))


def test_start_does_not_wait_for_a_measurement(new_manager):
    manager = new_manager(keeps_spares=True)
    assert manager.estimate(DIGITS.changed(student="digits_mlp")) is None  # takes for ever
    run_id = manager.start(config(epochs=LONG))
    trained(manager, run_id)
    other = DIGITS.changed(student="digits_cnn_l")
    assert manager.estimate(other) is None  # not while something trains
    manager.stop(run_id)
    reached(manager, run_id, "stopped")
    assert estimated(manager, other)
