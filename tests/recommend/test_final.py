"""The runs that are kept: those that are in the store are not trained again."""

import pytest

from bikd_core.answer.ledger import Ledger
from bikd_core.places import Places
from bikd_core.recommend.final import Final
from bikd_core.recommend.judging import SEEDS, Judge
from bikd_core.recommend.recipes import RECIPES
from bikd_core.recommend.record import Chosen
from bikd_core.studies.executors import Outcome
from bikd_core.studies.executors.keep import KeptRun
from tests.made_up import make_run


class Keeping:
    """Keeps nothing; notes the seeds that were to be trained."""

    slots = 1

    def __init__(self, failure=""):
        self.seeds, self.failure = [], failure

    def map(self, work, items, on_result, on_lost, should_stop=lambda: False):
        for group in items:
            self.seeds += [config.training.seed for config in group]
            outcome = Outcome.failed(self.failure) if self.failure else Outcome({}, {}, 1.0)
            on_result(group, [KeptRun(outcome, b"") for _ in group])


@pytest.fixture
def final_of(tmp_path, base):
    def make(executor):
        judge = Judge(base, RECIPES[:1], 2, Ledger(tmp_path / "runs.jsonl", {}))
        return Final(Places.at(tmp_path), executor, judge)

    return make


def chosen(*runs):
    return Chosen(
        recipe="kd",
        title="KD",
        calibration="none",
        entry="kd",
        val_accuracy=0.7,
        val_loss=1.0,
        runs=runs,
    )


def test_only_runs_that_are_not_in_the_store_are_trained(final_of, tmp_path, monkeypatch):
    there = make_run(tmp_path / "runs", method="kd", seed=0, epochs=2)
    there = getattr(there, "run_id", there)
    monkeypatch.setattr(
        Final, "_stored", lambda self, chosen, config, kept: f"new-{config.training.seed}"
    )
    executor, kept = Keeping(), []
    final_of(executor).train(chosen(there, "deleted"), kept.append, lambda what, done, of: None)
    assert executor.seeds == list(SEEDS[1:])
    assert kept[-1] == (there, "new-1", "new-2")
    executor.seeds.clear()
    final_of(executor).train(chosen(there, there, there), kept.append, lambda what, done, of: None)
    assert not executor.seeds


def test_a_run_that_fails_says_whose_it_was(final_of):
    executor = Keeping("The disk is full.")
    with pytest.raises(ValueError, match=r"KD could not be trained: The disk is full\."):
        final_of(executor).train(chosen(), lambda ids: None, lambda what, done, of: None)
