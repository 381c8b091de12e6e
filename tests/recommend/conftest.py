"""An executor that trains nothing: each run comes to what a function says of its config."""

import pytest

from bikd_core.config import RunConfig
from bikd_core.places import Places
from bikd_core.recommend import final
from bikd_core.recommend.driver import Recommendation
from bikd_core.recommend.record import Group
from bikd_core.speed import Speed, Speeds
from bikd_core.studies.executors import Outcome
from bikd_core.studies.executors.work import make_teachers, measure_speed, train_group


class MadeUp:
    """Does the work of an executor at once, and counts it.

    Args:
        val: Gives the accuracy on D_val of a config and a calibration.
        test: The same on the test set.
        a_second: Seconds that a run seems to take by its timed steps.
    """

    slots = 1

    def __init__(self, val, test=lambda config, calibration: 0.5, a_second=10.0):
        self.val, self.test, self.a_second = val, test, a_second
        self.trained = []
        self.after_group = lambda: None

    def map(self, work, items, on_result, on_lost, should_stop=lambda: False):
        for item in items:
            if should_stop():
                return
            if work is train_group:
                self.trained += item
                on_result(item, [self._outcome(config) for config in item])
                self.after_group()
            elif work is measure_speed:
                num_images = Speed(1.0, 0.0).seconds(item.data, item.training.epochs)
                on_result(item, Speeds(Speed(self.a_second / num_images, 0.0), None))
            else:
                assert work is make_teachers
                on_result(item, [])

    def _outcome(self, config):
        own, biased = (
            {
                "accuracy": self.test(config, calibration),
                "accuracy_few": self.test(config, calibration),
                "val_accuracy": self.val(config, calibration),
                "val_loss": 1.0,
            }
            for calibration in ("none", "class_biases")
        )
        return Outcome(own, biased, 1.0)


@pytest.fixture
def kept(monkeypatch):
    """Let no run be kept and tested; return the choices for which that was asked."""
    asked = []

    def train(self, chosen, keep_ids, on_progress):
        asked.append(chosen.entry)
        keep_ids(("a", "b", "c"))

    one = Group(chosen=0.8, reference=0.7, gain=0.1, low=0.05, high=0.15, detectable=0.06)
    groups = {name: one for name in ("balanced", "many", "medium", "few")}
    monkeypatch.setattr(final.Final, "train", train)
    monkeypatch.setattr(final.Final, "groups", lambda self, own, other: (580, groups))
    monkeypatch.setattr(final.Final, "costs_in_turns", lambda self, own, other, turns: [1.5])
    return asked


@pytest.fixture
def base():
    return RunConfig.from_flat({"dataset": "digits", "student": "digits_mlp", "epochs": 2})


@pytest.fixture
def recommend(tmp_path, base, kept):
    """Make a recommendation by a made-up executor; return it as far as it has come."""

    def make(executor, minutes=20.0, base=base):
        path = tmp_path / "result.json"
        return Recommendation(base, minutes, path, Places.at(tmp_path), executor)

    return make


def run(recommendation):
    """Go on with a recommendation to its end; return its record."""
    return recommendation.run(lambda what, done, of: None, lambda plan: None)
