"""Runs that train together have one training, and each a folder, an end and a future of its own."""

import dataclasses
import json
import os
import re
import shutil
import signal

import numpy as np
import pytest

from bikd_core.cli import compare
from bikd_core.config import RunConfig
from bikd_core.events import EpochDone
from bikd_core.runs import RunError, RunManager
from bikd_core.runs.child import WORKER
from tests import fake_training as fake
from tests.fake_training import config, until
from tests.runs.waiting import LONG, reached, trained

SEEDS = (1, 2, 3)


def configs(seeds=SEEDS, **values):
    return [config(seed=seed, **values) for seed in seeds]


def losses(snapshot):
    return [(epoch.epoch, epoch.train_hard_loss) for epoch in snapshot.epochs]


def test_each_run_finishes_in_a_folder_of_its_own_that_names_the_others(manager):
    ids = manager.start_together(configs())
    for run_id, seed in zip(ids, SEEDS, strict=True):
        run = reached(manager, run_id, "finished")
        assert len(run.epochs) == 3
        assert run.config.training.seed == seed
        assert run.folder.record().together == tuple(ids)
        assert run.folder.frames_available == (1, 2, 3)
        assert run.folder.student_path.exists()


def test_one_run_alone_is_an_ordinary_one(manager):
    [run_id] = manager.start_together(configs(seeds=(1,)))
    assert reached(manager, run_id, "finished").folder.record().together == ()


def test_runs_that_cannot_train_together_leave_nothing_behind(manager):
    with pytest.raises(ValueError, match="may differ only in"):
        manager.start_together([config(), config(seed=1, method="kd")])
    assert manager.list() == ()


def test_a_stopped_run_ends_alone_and_its_resumption_writes_only_what_it_lacks(manager):
    whole = manager.start_together(configs(epochs=30))
    expected = [losses(reached(manager, run_id, "finished")) for run_id in whole]
    ids = manager.start_together(configs(epochs=30))
    trained(manager, ids[1], 2)
    manager.stop(ids[1])
    stopped = reached(manager, ids[1], "stopped")
    assert 2 <= len(stopped.epochs) < 30
    for run_id in (ids[0], ids[2]):
        assert len(reached(manager, run_id, "finished").epochs) == 30
    until(lambda: not manager._job_ids())
    assert manager.resume_from_checkpoint(ids[1]) == [ids[1]]
    for run_id, known in zip(ids, expected, strict=True):
        assert losses(reached(manager, run_id, "finished")) == known


def test_all_that_were_stopped_go_on_together(manager):
    whole = manager.start_together(configs(epochs=20))
    expected = [losses(reached(manager, run_id, "finished")) for run_id in whole]
    ids = manager.start_together(configs(epochs=20))
    trained(manager, ids[0], 2)
    for run_id in ids:
        manager.stop(run_id)
    for run_id in ids:
        reached(manager, run_id, "stopped")
    until(lambda: not manager._job_ids())
    assert set(manager.resume_from_checkpoint(ids[2])) == set(ids)
    for run_id, known in zip(ids, expected, strict=True):
        assert losses(reached(manager, run_id, "finished")) == known


def test_a_run_that_fails_ends_alone(manager):
    ids = manager.start_together(configs(seeds=(1, fake.DIVERGES, 3), epochs=5))
    assert "nan in epoch 3" in reached(manager, ids[1], "failed").reason
    for run_id in (ids[0], ids[2]):
        assert len(reached(manager, run_id, "finished").epochs) == 5


def test_without_one_of_them_the_others_cannot_go_on(manager):
    ids = manager.start_together(configs(epochs=LONG))
    trained(manager, ids[0])
    for run_id in ids:
        manager.stop(run_id)
    for run_id in ids:
        reached(manager, run_id, "stopped")
    until(lambda: not manager._job_ids())
    gone = manager.snapshot(ids[1]).folder.path
    shutil.rmtree(gone)
    with pytest.raises(RunError, match=f"trained together with {ids[1]}"):
        manager.resume_from_checkpoint(ids[0])
    assert manager.snapshot(ids[0]).state == "stopped"


def test_one_that_waits_can_be_taken_out_of_the_queue(manager):
    busy = manager.start(config(epochs=LONG))
    trained(manager, busy)
    ids = manager.start_together(configs())
    assert [manager.snapshot(run_id).queue_position for run_id in ids] == [1, 1, 1]
    manager.stop(ids[0])
    reached(manager, ids[0], "stopped")
    manager.stop(busy)
    for run_id in ids[1:]:
        assert len(reached(manager, run_id, "finished").epochs) == 3
    assert manager.snapshot(ids[0]).epochs == ()


def test_pause_and_learning_rate_act_on_all(manager):
    ids = manager.start_together(configs(epochs=LONG))
    trained(manager, ids[2])
    manager.pause(ids[1])
    for run_id in ids:
        reached(manager, run_id, "paused")
    manager.resume(ids[0])
    for run_id in ids:
        reached(manager, run_id, "running")
        manager.stop(run_id)
    for run_id in ids:
        reached(manager, run_id, "stopped")


def together(seeds=(0, 1, 2), **values):
    controls = {"epochs": 5, "inner_steps": 3, "device": "cpu", "method": "bikd"} | values
    return [RunConfig.from_flat({**controls, "seed": s, "split_seed": 0}) for s in seeds]


def without_clock(snapshot):
    none = dict.fromkeys(EpochDone.WALL_CLOCK, 0.0)
    return [dataclasses.replace(epoch, **none) for epoch in snapshot.epochs]


@pytest.mark.slow
def test_real_runs_that_are_killed_and_resumed_equal_undisturbed_ones(new_manager):
    manager: RunManager = new_manager(worker=WORKER)
    whole = [reached(manager, run_id, "finished") for run_id in manager.start_together(together())]
    ids = manager.start_together(together())
    manager.step(ids[0], "epoch")  # the pause after it leaves checkpoints
    until(lambda: all(manager.snapshot(i).folder.checkpoint_epoch() == 1 for i in ids))
    reached(manager, ids[0], "paused")  # the checkpoint is there before
    manager.step(ids[0], "epoch")
    until(lambda: all(len(manager.snapshot(i).epochs) == 2 for i in ids))
    os.kill(manager._job_of(ids[0])._child.pid, signal.SIGKILL)
    for run_id in ids:
        reached(manager, run_id, "failed")
    until(lambda: not manager._job_ids())
    assert set(manager.resume_from_checkpoint(ids[1])) == set(ids)
    for run_id, expected in zip(ids, whole, strict=True):
        found = reached(manager, run_id, "finished")
        assert without_clock(found) == without_clock(expected)
        for epoch in range(1, 6):
            one, other = (run.folder.frame(epoch) for run in (found, expected))
            np.testing.assert_array_equal(one.weights, other.weights)
            np.testing.assert_array_equal(one.influence, other.influence)
        student, own = (run.folder.student_path.read_bytes() for run in (found, expected))
        assert len(student) == len(own)


def test_the_command_line_says_which_seeds_share_the_steps(manager):
    ids = manager.start_together(configs(epochs=LONG))
    trained(manager, ids[2])
    manager.stop(ids[1])
    reached(manager, ids[1], "stopped")
    words = compare._at_work(manager.snapshot(ids[0]), manager)
    assert re.fullmatch(rf"BiKD, seeds 1, 3, epoch \d+ of {LONG}", words)
    for run_id in ids:
        manager.stop(run_id)


def test_old_run_files_name_nobody(manager):
    run_id = manager.start(config())
    record = reached(manager, run_id, "finished").folder.path / "run.json"
    values = json.loads(record.read_text())
    del values["together"]
    record.write_text(json.dumps(values))
    assert manager.snapshot(run_id).together == ()


def test_a_run_that_does_not_name_itself_is_not_resumed(manager):
    [run_id] = manager.start_together(configs(seeds=(1,), epochs=LONG))
    trained(manager, run_id)
    manager.stop(run_id)
    path = reached(manager, run_id, "stopped").folder.path / "run.json"
    until(lambda: not manager._job_ids())
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"together": ["digits-bikd-50-s2-abcde"]}))
    with pytest.raises(RunError, match="does not name the run itself"):
        manager.resume_from_checkpoint(run_id)


@pytest.mark.parametrize("has_checkpoints", [True, False])
def test_runs_killed_after_their_last_epoch_still_get_their_students(manager, has_checkpoints):
    ids = manager.start_together(configs())
    for run_id in ids:
        folder = reached(manager, run_id, "finished").folder
        folder.student_path.unlink()
        if not has_checkpoints:
            shutil.rmtree(folder.path / "checkpoint")
    until(lambda: not manager._job_ids())
    for run_id in ids:
        manager.snapshot(run_id).folder.write_status("interrupted", epoch=3, epochs=3)
    assert set(manager.resume_from_checkpoint(ids[0])) == set(ids)
    for run_id in ids:
        run = reached(manager, run_id, "finished")
        assert [epoch.epoch for epoch in run.epochs] == [1, 2, 3]
        assert run.folder.student_path.exists()
