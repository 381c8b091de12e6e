"""One run, the queue, failures."""

import itertools
import os
import re
import signal
import sys
import threading

import pytest

from bikd_core.config import ConfigError
from bikd_core.events import EpochDone
from bikd_core.runs import RunError, StoreError, UnknownRun, job
from bikd_core.runs.child import Child
from bikd_core.worker import pipe
from tests import fake_training as fake
from tests.fake_training import config, until
from tests.runs.waiting import LONG, reached, trained

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
    run_id = manager.start(config(epochs=12))
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
    assert {len(history[-1].epochs) for history in histories} == {12}


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
    with pytest.raises(ValueError, match="level = 'leap' is not possible: it must be one of inner"):
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


@pytest.mark.slow
def test_a_run_that_does_not_stop_is_ended(parent, monkeypatch):
    monkeypatch.setattr(job, "STOP_GRACE_S", 0.3)
    run_id = parent.start(config(seed=fake.IS_DEAF))
    log = trained(parent, run_id, 2).folder.path / "worker.log"
    until(lambda: "prints" in log.read_text())
    parent.stop(run_id)
    stopped = reached(parent, run_id, "stopped")
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
    with pytest.raises(
        ConfigError, match=r"student = 'resnet20' is not possible with digits: .*digits_mlp"
    ):
        manager.start(config(student="resnet20"))
    assert not places.runs.exists()


def test_an_unwritable_folder_is_one_sentence(new_manager, tmp_path):
    (tmp_path / "runs").write_text("in the way")
    manager = new_manager(in_process=True)
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
    manager = new_manager(max_training=2, in_process=True)
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


@pytest.mark.slow
def test_failing_runs_say_why_and_the_next_ones_train(parent):
    runs = {trouble: parent.start(config(epochs=5, seed=trouble)) for trouble in REASONS}
    last = parent.start(config())
    for trouble, run_id in runs.items():
        failed = reached(parent, run_id, "failed")
        assert re.search(REASONS[trouble], failed.reason)
        assert failed.folder.status().reason == failed.reason
        assert failed.folder.events()[-1].reason == failed.reason
        assert len(failed.epochs) == (0 if trouble == fake.REFUSES else 2)
        assert failed.can_resume
    assert len(reached(parent, last, "finished").epochs) == 3


def test_the_traceback_of_a_failure_is_in_the_folder(manager):
    failed = reached(manager, manager.start(config(seed=fake.DIVERGES)), "failed")
    assert "go_wrong" in (failed.folder.path / "traceback.txt").read_text()


@pytest.mark.slow
def test_a_child_that_cannot_import_fails_its_run_with_the_reason(new_manager):
    manager = new_manager(worker=(*fake.WORKER, "fails-at-import"), keeps_spares=True)
    for _ in range(2):  # with the spare, dead or not, and with its successor
        failed = reached(manager, manager.start(config()), "failed")
        assert failed.reason == (
            "The training process could not start: "
            "ImportError: libtorch.so: cannot open shared object file"
        )


def test_a_reply_that_the_end_of_the_child_cut_off_is_none():
    code = """print('{"kind": "ready"}\\n{"kind": "epo', end="")"""
    child = Child((sys.executable, "-c", code))
    assert list(child.replies()) == [pipe.Ready()]
    assert child.failure_reason().startswith("The training process ended by itself (exit code 0)")
    child.close(0)


@pytest.mark.slow
def test_a_spare_that_died_is_replaced(parent):
    spare = parent.children[0]
    os.kill(spare.pid, signal.SIGKILL)
    until(lambda: not spare.is_alive)
    reached(parent, parent.start(config()), "finished")


@pytest.mark.slow
def test_a_run_whose_folder_vanishes_fails_and_the_next_one_trains(parent, places):
    run_id = parent.start(config(epochs=LONG))
    trained(parent, run_id)
    (places.runs / run_id).rename(places.runs / "gone")
    until(lambda: not parent.children[0].is_alive)
    with pytest.raises(UnknownRun):
        parent.snapshot(run_id)
    reached(parent, parent.start(config()), "finished")
