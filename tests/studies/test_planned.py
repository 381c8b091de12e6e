"""Which run belongs to each planned run of a comparison, and how long the rest takes."""

import pytest

from bikd_core.config import RunConfig
from bikd_core.studies import Comparison, planned_runs, seconds_to_go
from tests.app.fake_manager import FakeManager
from tests.made_up import make_run

BASE = RunConfig.from_flat({"epochs": 4})
COMPARISON = Comparison(BASE, ("ce", "kd"), (0, 1), "kd")


@pytest.fixture
def manager(tmp_path):
    return FakeManager(tmp_path)


def states(manager):
    return [
        (planned.method, planned.seed, planned.run.state if planned.run else None)
        for planned in planned_runs(COMPARISON, manager.list())
    ]


def test_a_finished_run_is_preferred_to_a_training_one_and_that_to_a_failed_one(manager):
    runs = manager.places.runs
    make_run(runs, method="ce", seed=0, epochs=4, done=4)
    make_run(runs, method="ce", seed=0, epochs=4, done=1, state="failed", reason="boom.")
    make_run(runs, method="kd", seed=1, epochs=4, done=1, state="running")
    make_run(runs, method="kd", seed=1, epochs=4, done=1, state="stopped")
    make_run(runs, method="kd", seed=0, epochs=5)  # other epochs
    assert states(manager) == [
        ("ce", 0, "finished"),
        ("kd", 0, None),
        ("ce", 1, None),
        ("kd", 1, "running"),
    ]


def test_a_control_that_the_method_does_not_read_makes_no_different_run(manager):
    make_run(manager.places.runs, method="ce", seed=0, epochs=4, temperature=9.0)
    make_run(manager.places.runs, method="kd", seed=0, epochs=4, temperature=9.0)
    assert states(manager)[:2] == [("ce", 0, "finished"), ("kd", 0, None)]


def test_seconds_to_go_count_only_epochs_not_trained_yet(manager):
    make_run(manager.places.runs, method="ce", seed=0, epochs=4, done=4)
    make_run(manager.places.runs, method="kd", seed=0, epochs=4, done=1, state="stopped")
    planned = planned_runs(COMPARISON, manager.list())
    assert seconds_to_go(planned, manager) is None  # nothing has been timed yet
    manager.seconds = 8.0
    assert seconds_to_go(planned, manager) == pytest.approx(6 + 8 + 8)


def test_a_missing_teacher_is_trained_once(manager, monkeypatch):
    def estimate(config):
        return 8.0 + (100.0 if config.models.teacher == "auto" else 0.0)

    monkeypatch.setattr(manager, "estimate", estimate)
    planned = planned_runs(COMPARISON, manager.list())
    assert seconds_to_go(planned, manager) == pytest.approx(4 * 8 + 100)
    only = Comparison(BASE, ("ce",), (0,), "ce")  # needs no teacher
    assert seconds_to_go(planned_runs(only, ()), manager) == pytest.approx(8)
