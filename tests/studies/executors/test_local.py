"""Processes of this machine: killed ones, stops, and the numbers of a run alone."""

import pytest

from bikd_core.config import ConfigError, RunConfig
from bikd_core.data.own.opening import open_pictures
from bikd_core.events import EpochDone
from bikd_core.places import Places
from bikd_core.store import list_runs
from bikd_core.studies.executors import LocalExecutor
from bikd_core.studies.executors.executor import LOST, execute
from bikd_core.studies.executors.keep import train_and_keep
from bikd_core.studies.executors.work import train_group
from bikd_core.studies.running import Running
from bikd_core.studies.study import Cell, grid_of
from tests.data.own.own_pictures import make_folder
from tests.studies.executors import doing
from tests.studies.results_of import small_study


def local(tmp_path, jobs=2):
    return LocalExecutor(Places.at(tmp_path), jobs, doing.prepare_nothing)


def mapped(executor, work, items, **values):
    done, lost = {}, {}
    executor.map(work, items, done.__setitem__, lost.__setitem__, **values)
    return done, lost


@pytest.mark.slow
def test_what_ends_its_process_each_time_is_lost_and_all_else_under_way_is_done_again(tmp_path):
    done, lost = mapped(local(tmp_path), doing.die_at_three, range(6))
    assert done == {number: number for number in range(6) if number != 3}
    assert lost == {3: LOST}


@pytest.mark.slow
def test_ctrl_c_leaves_what_has_ended_and_cancels_the_rest(tmp_path):
    done = []

    def ended(item, result):
        done.append(item)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        local(tmp_path).map(doing.slowly, range(50), ended, lambda item, reason: None)
    assert len(done) == 1


def test_what_should_stop_at_once_begins_nothing(tmp_path):
    assert mapped(local(tmp_path), doing.slowly, range(50), should_stop=lambda: True) == ({}, {})


def test_fewer_than_one_process_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="jobs = 0"):
        LocalExecutor(Places.at(tmp_path), 0)


def test_without_a_number_there_is_a_process_for_each_core_at_most(tmp_path):
    assert LocalExecutor(Places.at(tmp_path)).slots >= 1


@pytest.mark.slow
def test_runs_have_the_same_bits_however_many_processes_train_them(tmp_path):
    cells = (Cell("CE", "ce"), Cell("KD", "kd"), Cell("soft KD", "kd:kd_alpha=0.1"))
    grid = grid_of(small_study(cells), (0,))
    kept = []
    for jobs in (1, 2):
        places = Places.at(tmp_path / "home")
        running = Running(grid, tmp_path / str(jobs), places)
        assert sorted(map(len, running.missing())) == [1, 2]  # the two of KD share their steps
        running.run(LocalExecutor(places, jobs))
        assert running.results.is_complete
        kept.append({run: one.outcome.measures for run, one in running.ledger.results.items()})
    assert kept[0] == kept[1]


@pytest.mark.slow
def test_kept_runs_have_the_same_bits_and_are_in_the_store_by_their_names(tmp_path):
    cells = (Cell("CE", "ce"), Cell("KD", "kd"), Cell("soft KD", "kd:kd_alpha=0.1"))
    grid, places = grid_of(small_study(cells), (0,)), Places.at(tmp_path / "home")
    found = []
    for work in (train_group, train_and_keep):
        running = Running(grid, tmp_path / work.__name__, places)
        running.run(LocalExecutor(places, 2), work=work)
        found.append({run: one.outcome.measures for run, one in running.ledger.results.items()})
    assert found[0] == found[1]
    stored = {folder.record().name: folder for folder in list_runs(places.runs)}
    assert sorted(stored) == ["small, seed 0: " + name for name in ("CE", "KD", "soft KD")]
    for cell in cells:
        events = stored[f"small, seed 0: {cell.label}"].events()
        epochs = [event for event in events if isinstance(event, EpochDone)]
        assert len(epochs) == 2
        assert epochs[-1].accuracy == found[0][cell.written, 0]["accuracy"]
    running.run(LocalExecutor(places, 1), work=train_and_keep)  # nothing is missing
    assert len(list_runs(places.runs)) == 3


@pytest.mark.slow
def test_of_kept_runs_one_that_cannot_begin_fails_alone(tmp_path):
    base = {"method": "kd", "epochs": 2, "student": "digits_mlp"}
    good, bad = (RunConfig.from_flat(base | {"teacher": teacher}) for teacher in ("auto", "absent"))
    kept = train_and_keep([bad], Places.at(tmp_path))
    assert "absent" in kept[0].outcome.failure
    assert not train_and_keep([good], Places.at(tmp_path))[0].outcome.failure


@pytest.mark.slow
def test_a_run_whose_teacher_is_missing_fails_alone(tmp_path):
    cells = (Cell("CE", "ce"), Cell("KD", "kd:teacher=absent"))
    grid = grid_of(small_study(cells), (0,))
    outcomes = {}
    groups = [[config] for _, _, config in grid.runs()]
    execute(
        LocalExecutor(Places.at(tmp_path), 1),
        train_group,
        groups,
        lambda group, found: outcomes.update(zip(group, found, strict=True)),
    )
    failures = [outcomes[group[0]].failure for group in groups]
    assert not failures[0]
    assert "absent" in failures[1]


@pytest.mark.slow
def test_own_pictures_are_known_to_the_processes_wherever_the_data_folder_is(tmp_path):
    places = Places.at(tmp_path / "home")
    make_folder(tmp_path / "pets", {"ant": 30, "bee": 12, "cow": 6}, size=(8, 8), channels=1)
    dataset = open_pictures(tmp_path / "pets", places.data, size=8)
    grid = grid_of(small_study((Cell("KD", "kd"),)), (0,), {"dataset": dataset})
    running = Running(grid, tmp_path / "results", places)
    running.run(LocalExecutor(places, 1))
    [[_, kept]] = running.ledger.results.items()
    assert kept.outcome.failure == ""
    assert kept.outcome.measures["accuracy"] > 0
