"""A study that grows: interrupted, failing, stopped, on a full disk."""

import errno

import pytest

from bikd_core.places import Places
from bikd_core.store import StoreError
from bikd_core.studies.executors import Outcome
from bikd_core.studies.executors.executor import never
from bikd_core.studies.running import Running
from bikd_core.studies.study import Cell, grid_of
from tests.small_disk import SmallDisk, fails_with
from tests.studies.results_of import PLAIN, outcome, small_study


class InThisThread:
    """Does all work at once; remembers the groups."""

    slots = 2

    def __init__(self, until=10**9):
        self.until, self.groups = until, []

    def map(self, work, items, on_result, on_lost, should_stop=never):
        for item in items:
            if should_stop():
                return
            if len(self.groups) == self.until:
                raise KeyboardInterrupt
            self.groups.append(item)
            on_result(item, work(item, None))


def half(configs, places):
    return [outcome(0.5 + config.training.seed / 1000) for config in configs]


@pytest.fixture
def running(tmp_path):
    """Return a study whose runs need no teacher that is not stored."""
    cells = (
        *PLAIN,
        Cell("few", "ce", controls={"head_count": 60}),
        Cell("twin", "ce:batch_size=64"),
    )
    return lambda: Running(
        grid_of(small_study(cells), (0, 1, 2), {}), tmp_path, Places.at(tmp_path / "home")
    )


@pytest.fixture(autouse=True)
def without_teachers(monkeypatch):
    monkeypatch.setattr(Running, "_lacking_teachers", lambda self, configs: [])


def test_equal_runs_are_trained_once_and_count_for_each_cell(running):
    executor, study = InThisThread(), running()
    study.run(executor, work=half)
    assert sum(map(len, executor.groups)) == 9
    assert study.results.is_complete
    assert len(study.results.rows()) == 12


def test_an_interrupted_study_goes_on_with_the_same_groups(running):
    whole = InThisThread()
    first = running()
    groups = first.missing()
    with pytest.raises(KeyboardInterrupt):
        first.run(InThisThread(until=2), work=half)
    assert len(first.ledger.results) >= len(groups[0]) + len(groups[1])
    running().run(whole, work=half)
    assert whole.groups == groups[2:]
    assert running().missing() == []


def test_a_run_that_cannot_be_trained_is_a_failed_cell_and_is_tried_again_later(running):
    def fails(configs, places):
        return [
            Outcome.failed("No disk.") if config.method.method == "kd" else outcome(0.5)
            for config in configs
        ]

    study = running()
    told = []
    study.run(InThisThread(), told.append, work=fails)
    assert (told[-1].done, told[-1].of, told[-1].failed) == (9, 9, 3)
    assert study.results.missing() == {"KD": "3 failed (No disk.) of 3 seeds"}
    again = InThisThread()
    running().run(again, work=half)
    assert {config.method.method for group in again.groups for config in group} == {"kd"}
    assert running().results.is_complete


def test_a_run_that_diverged_is_not_tried_again(running):
    def diverges(configs, places):
        return [Outcome.failed("The loss is not finite.", diverged=True) for _ in configs]

    study = running()
    study.run(InThisThread(), work=diverges)
    assert study.missing() == []
    assert not study.results.is_complete


def test_a_stop_keeps_what_has_ended(running):
    study = running()
    executor = InThisThread()
    study.run(executor, work=half, should_stop=lambda: len(executor.groups) == 1)
    assert len(executor.groups) == 1
    assert running().ledger.results == study.ledger.results != {}


def test_a_full_disk_is_said_and_what_was_written_is_whole(running, monkeypatch):
    first = running()
    first.run(InThisThread(), work=half, should_stop=lambda: bool(first.ledger.results))
    kept, size = dict(first.ledger.results), first.ledger.path.stat().st_size
    disk = SmallDisk(30, fails_with(errno.ENOSPC), spared=(".lock",))
    with disk.in_use(monkeypatch), pytest.raises(StoreError, match="space left"):
        running().run(InThisThread(), work=half)
    assert first.ledger.path.stat().st_size == size
    assert running().ledger.results == kept
    running().run(InThisThread(), work=half)
    assert running().results.is_complete
