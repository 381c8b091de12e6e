import dataclasses

import pytest

from app.shared import status
from bikd_core.events import StepDone, TeacherEpochDone
from tests.app.fake_manager import FakeManager
from tests.made_up import make_run, with_log


def snapshot_of(tmp_path, **how):
    manager = FakeManager(tmp_path)
    return manager.snapshot(make_run(manager.places.runs, **how).run_id)


@pytest.mark.parametrize(
    ("position", "words"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (23, "23rd")],
)
def test_the_place_in_the_queue_is_said(tmp_path, position, words):
    snapshot = snapshot_of(tmp_path, done=0, state="queued")
    waiting = dataclasses.replace(snapshot, queue_position=position)
    assert status.headline(waiting)[0] == f"queued ({words})"


def test_training_says_how_far_how_fast_and_how_long(tmp_path):
    snapshot = snapshot_of(tmp_path, done=7, state="running")
    running = dataclasses.replace(snapshot, seconds_left=65.0)
    assert status.headline(running) == ("training", "7 of 7 · 0.1 s/epoch · 1 min 5 s left")


@pytest.mark.parametrize("state", ["starting", "running"])
def test_a_teacher_that_is_trained_first_is_said(tmp_path, state):
    snapshot = snapshot_of(tmp_path, done=0, state=state)
    teacher = (TeacherEpochDone(epoch=12, epochs=60, seconds=0.1, accuracy=0.5),)
    words = status.headline(with_log(snapshot, teacher_epochs=teacher))
    assert words == ("training the teacher first", "12 of 60")


@pytest.mark.parametrize(("epoch", "state"), [(12, "starting"), (60, "starting"), (12, "running")])
def test_a_fold_s_teacher_says_which_fold_it_leaves_out(tmp_path, epoch, state):
    snapshot = snapshot_of(tmp_path, done=0, state=state, method="kd", teacher_folds=5)
    teacher = TeacherEpochDone(epoch=epoch, epochs=60, seconds=0.1, accuracy=0.5, fold=(2, 5))
    words = status.headline(with_log(snapshot, teacher_epochs=(teacher,)))
    assert words == ("training the teacher without fold 2 of 5 first", f"{epoch} of 60")


def test_after_the_last_fold_s_teacher_the_run_itself_trains(tmp_path):
    snapshot = snapshot_of(tmp_path, done=0, state="starting", method="kd", teacher_folds=5)
    teacher = TeacherEpochDone(epoch=60, epochs=60, seconds=0.1, accuracy=0.5, fold=(5, 5))
    words = status.headline(with_log(snapshot, teacher_epochs=(teacher,)))
    assert words[0] == "training"


def test_a_step_is_read_out_while_paused_inside_an_epoch(tmp_path):
    snapshot = snapshot_of(tmp_path, done=2, state="paused")
    assert status.headline(snapshot) == ("paused", "after epoch 2 of 2")
    step = StepDone(epoch=3, step=11, weighted_loss=1.5, outer_loss=2.25, weight_step=True)
    words = status.headline(with_log(snapshot, last_step=step))[1]
    assert "step 11: weighted loss 1.500, outer loss 2.250 · the weight net moved" in words


@pytest.mark.parametrize("state", ["stopped", "failed", "interrupted", "finished"])
def test_an_ended_run_says_how_far_it_came(tmp_path, state):
    name, words = status.headline(snapshot_of(tmp_path, done=5, state=state))
    assert name == state
    assert "5" in words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (3599.6, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_durations_are_said_as_people_do(seconds, words):
    assert status.duration(seconds) == words


def test_the_summary_says_what_was_chosen_at_start(tmp_path):
    assert status.summary(snapshot_of(tmp_path)).endswith("cpu, float32, forward")
    snapshot = snapshot_of(tmp_path, memory_format="channels_last")
    chosen = dataclasses.replace(
        snapshot.resolved,
        precision="bfloat16",
        memory_format="channels_last",
        estimator="finite_difference",
        is_compiled=True,
    )
    words = status.summary(with_log(snapshot, resolved=chosen))
    assert words.endswith("cpu, bfloat16, channels last, finite difference, teacher compiled")


def test_the_summary_names_label_noise(tmp_path):
    noisy = snapshot_of(tmp_path, label_noise=0.3, label_noise_kind="pairs")
    assert status.summary(noisy).startswith("digits ×50, label noise 30 % pairs · ")
    assert "noise" not in status.summary(snapshot_of(tmp_path))


def test_bikd_over_another_objective_is_named_by_it(tmp_path):
    snapshot = snapshot_of(tmp_path, over="prior_kd", weight_scale="relative")
    title = "BiKD over Prior-shifted KD (relative)"
    assert status.method_of(snapshot) == title
    assert f" · {title}, k = 1, meta hard · " in status.summary(snapshot)


def test_bikd_as_published_is_bikd(tmp_path):
    assert status.method_of(snapshot_of(tmp_path)) == "BiKD"


def test_a_finished_run_says_how_long_it_and_its_teacher_took(tmp_path):
    snapshot = snapshot_of(tmp_path, done=5)
    assert status.headline(snapshot)[1] == "5 epochs in 0 s"
    teacher = TeacherEpochDone(epoch=60, epochs=60, seconds=9.0, accuracy=0.5)
    trained_first = with_log(snapshot, teacher_epochs=(teacher,))
    assert status.headline(trained_first)[1] == "5 epochs in 0 s, its teacher in 9 s"


def test_a_recorded_run_tells_no_time_of_another_machine(tmp_path):
    recorded = dataclasses.replace(snapshot_of(tmp_path, done=5), is_imported=True)
    assert status.headline(recorded)[1] == "5 epochs"
