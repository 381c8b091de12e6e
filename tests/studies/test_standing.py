"""Which run stands at each place of a comparison, and how long what is left takes."""

import pytest

from bikd_core.config import RunConfig
from bikd_core.studies import Comparison, seconds_to_go, standing
from tests.app.samples import FakeManager, make_run

BASE = RunConfig.from_flat({"epochs": 4})
ASKED = Comparison(BASE, ("ce", "kd"), (0, 1), "kd")


@pytest.fixture
def manager(tmp_path):
    return FakeManager(tmp_path)


def states(manager):
    return [
        (place.method, place.seed, place.run.state if place.run else None)
        for place in standing(ASKED, manager.list())
    ]


def test_a_finished_run_stands_before_one_that_trains_and_that_before_one_that_failed(manager):
    runs = manager.places.runs
    make_run(runs, method="ce", seed=0, epochs=4, done=4)
    make_run(runs, method="ce", seed=0, epochs=4, done=1, state="failed", reason="boom.")
    make_run(runs, method="kd", seed=1, epochs=4, done=1, state="running")
    make_run(runs, method="kd", seed=1, epochs=4, done=1, state="stopped")
    make_run(runs, method="kd", seed=0, epochs=5)  # not what is asked
    assert states(manager) == [
        ("ce", 0, "finished"),
        ("kd", 0, None),
        ("ce", 1, None),
        ("kd", 1, "running"),
    ]


def test_a_control_that_the_method_does_not_read_makes_no_other_run(manager):
    make_run(manager.places.runs, method="ce", seed=0, epochs=4, temperature=9.0)
    make_run(manager.places.runs, method="kd", seed=0, epochs=4, temperature=9.0)
    assert states(manager)[:2] == [("ce", 0, "finished"), ("kd", 0, None)]


def test_what_is_left_is_what_is_not_trained_yet(manager):
    make_run(manager.places.runs, method="ce", seed=0, epochs=4, done=4)
    make_run(manager.places.runs, method="kd", seed=0, epochs=4, done=1, state="stopped")
    places = standing(ASKED, manager.list())
    assert seconds_to_go(places, manager) is None  # nothing is known yet
    manager.seconds = 8.0
    assert seconds_to_go(places, manager) == pytest.approx(6 + 8 + 8)


def test_a_teacher_that_all_lack_is_trained_once(manager, monkeypatch):
    def estimate(config):
        return 8.0 + (100.0 if config.models.teacher == "auto" else 0.0)

    monkeypatch.setattr(manager, "estimate", estimate)
    places = standing(ASKED, manager.list())
    assert seconds_to_go(places, manager) == pytest.approx(4 * 8 + 100)
    only = Comparison(BASE, ("ce",), (0,), "ce")  # which has no teacher
    assert seconds_to_go(standing(only, ()), manager) == pytest.approx(8)
