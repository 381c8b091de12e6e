"""Training in the server's own process, and the estimate before Start."""

import dataclasses
import queue
from types import SimpleNamespace

import pytest

from bikd_core.config import ConfigError, RunConfig
from bikd_core.data.counts import planned_counts
from bikd_core.events import TeacherEpochDone
from bikd_core.runs import estimate, spare
from bikd_core.store import create_run
from bikd_core.worker import pipe
from tests import fake_training as fake
from tests.fake_training import config, until
from tests.made_up import epoch_done, started
from tests.runs.waiting import LONG, reached, trained

# In the server's own process


@pytest.mark.slow
def test_training_in_the_thread_itself_leaves_the_same(new_manager):
    inside, outside = new_manager(in_process=True), new_manager()
    here = reached(inside, inside.start(config(epochs=4)), "finished")
    there = reached(outside, outside.start(config(epochs=4)), "finished")
    assert here.epochs == there.epochs
    names = [{p.name for p in run.folder.path.rglob("*")} for run in (here, there)]
    assert names[0] | {"worker.log"} == names[1]


def test_a_run_in_the_thread_itself_is_steered_and_fails_alike(new_manager):
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


class Measurer:
    """A child within this process: it answers what it is asked to measure, and nothing else."""

    is_alive = True

    def __init__(self, command):
        self._asked = queue.SimpleQueue()

    def send(self, command):
        self._asked.put(command)

    def replies(self):
        speeds = fake.measure(self._asked.get().config, 1, lambda: False)
        yield pipe.Measured(speeds=speeds, reason="")

    def kill(self):
        self.is_alive = False

    def close(self, grace_s):
        self.is_alive = False


@pytest.fixture
def measuring(new_manager, monkeypatch):
    """A manager whose waiting child is a `Measurer`."""
    monkeypatch.setattr(spare, "Child", Measurer)
    return new_manager()


def estimated(manager, asked):
    return until(lambda: manager.estimate(asked))


@pytest.fixture(autouse=True)
def stored_teachers(monkeypatch):
    """The cards that an estimate sees; none at first."""
    cards = []
    monkeypatch.setattr(estimate, "list_teachers", lambda folders: cards)
    return cards


TEACHER_OF_DIGITS = (
    "one",
    SimpleNamespace(is_uploaded=False, model="digits_cnn_l", data=DIGITS.data, without_fold=None),
)


def earlier_run(places, asked, *items):
    folder = create_run(places.runs, asked)
    for item in items:
        folder.append(item)
    folder.write_status("stopped", epoch=1, epochs=10)
    return folder


BEGUN = started(class_names=tuple("0123456789"), class_counts=tuple(range(10, 20)))


def first_epoch(seconds):
    return epoch_done(1, seconds=seconds, accuracy_per_class=(0.5,) * 10)


def test_the_estimate_comes_from_the_last_run_of_its_kind(measuring, places, stored_teachers):
    stored_teachers.append(TEACHER_OF_DIGITS)
    # 145 images at 5 a second take 29 s of the 31; evaluating 100 + 580 takes the other 2.
    resolved = {"num_val": 100, "num_test": 580}
    begun = dataclasses.replace(BEGUN, **resolved)
    earlier_run(places, DIGITS, begun, first_epoch(31.0))
    assert measuring.estimate(DIGITS) == pytest.approx(10 * (NUM_IMAGES / 5 + 2))
    half = DIGITS.changed(test_per_class=24, epochs=5)  # 340 to evaluate, and more to train on
    num_images = sum(planned_counts(half.data))
    teacher = 60 * num_images * 0.2  # none is stored for that split, so it is measured
    assert estimated(measuring, half) == pytest.approx(5 * (num_images / 5 + 1) + teacher)


def test_a_run_that_came_as_a_zip_tells_nothing_of_this_machine(measuring, places, stored_teachers):
    stored_teachers.append(TEACHER_OF_DIGITS)
    folder = earlier_run(places, DIGITS, BEGUN, first_epoch(31.0))
    as_told_by_it = measuring.estimate(DIGITS)
    path = folder.path / "run.json"
    path.write_text(path.read_text().replace('"is_imported": false', '"is_imported": true'))
    assert as_told_by_it is not None
    assert measuring.estimate(DIGITS) is None  # steps have to be timed here


def test_without_an_earlier_run_a_few_steps_are_timed(measuring, stored_teachers):
    stored_teachers.append(TEACHER_OF_DIGITS)
    assert measuring.estimate(DIGITS) is None
    seconds = 10 * (NUM_IMAGES * 0.1 + NUM_EVALUATED * 0.01)
    assert estimated(measuring, DIGITS) == pytest.approx(seconds)
    assert measuring.estimate(DIGITS.changed(epochs=20)) == pytest.approx(2 * seconds)
    assert measuring.estimate(DIGITS.changed(seed=9)) == pytest.approx(seconds)


def test_a_teacher_that_will_be_trained_first_counts(measuring, places):
    seconds = 10 * (NUM_IMAGES * 0.1 + NUM_EVALUATED * 0.01)
    teacher = 60 * NUM_IMAGES * 0.2
    assert estimated(measuring, DIGITS) == pytest.approx(seconds + teacher)
    named = DIGITS.changed(teacher="one-of-mine")
    assert measuring.estimate(named) == pytest.approx(seconds)
    epoch = TeacherEpochDone(epoch=1, epochs=60, seconds=4.0, accuracy=0.5)
    earlier_run(places, DIGITS, epoch)
    assert measuring.estimate(DIGITS) == pytest.approx(seconds + 60 * 4)


def test_teachers_that_leave_out_a_fold_count_by_what_they_are_trained_on(
    measuring, stored_teachers
):
    seconds = 10 * (NUM_IMAGES * 0.1 + NUM_EVALUATED * 0.01)
    teacher = 60 * NUM_IMAGES * 0.2
    folds = DIGITS.changed(teacher_folds=5)
    assert estimated(measuring, folds) == pytest.approx(seconds + 5 * 0.8 * teacher)
    inputs = folds.changed(out_of_fold="inputs")
    assert estimated(measuring, inputs) == pytest.approx(seconds + (5 * 0.8 + 1) * teacher)
    name, card = TEACHER_OF_DIGITS
    for fold in (None, (2, 5), (1, 3)):
        stored_teachers.append((name, SimpleNamespace(**vars(card) | {"without_fold": fold})))
    assert estimated(measuring, inputs) == pytest.approx(seconds + 4 * 0.8 * teacher)


@pytest.mark.slow
def test_what_cannot_be_measured_has_no_estimate_and_costs_no_child(parent):
    odd = DIGITS.changed(batch_size=2)
    assert parent.estimate(odd) is None
    assert estimated(parent, DIGITS)
    assert parent.estimate(odd) is None
    reached(parent, parent.start(config()), "finished")
    assert len(parent.children) <= 3


def test_what_cannot_be_trained_is_refused_before_it_is_measured(manager):
    with pytest.raises(ConfigError, match="val_per_class"):
        manager.estimate(config(val_per_class=1000))


@pytest.mark.slow
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
