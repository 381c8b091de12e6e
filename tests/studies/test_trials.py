"""A search's trials: interrupted, resumed, in any order, from a journal or a table: the same."""

import dataclasses
import json
import math

import pytest

from bikd_core.cli import compare
from bikd_core.config import ConfigError, RunConfig
from bikd_core.events import NOT_FINITE
from bikd_core.runs import job
from bikd_core.runs.history import History
from bikd_core.store import create_run
from bikd_core.studies.comparison import is_comparable
from bikd_core.studies.search import Search
from bikd_core.studies.search_run import run_search
from bikd_core.studies.search_table import as_data, read_table
from bikd_core.studies.trials import Trials, open_storage
from tests import fake_training as fake
from tests.made_up import class_biases, epoch_done, started, with_log
from tests.repeated import first_quick

BASE = RunConfig.from_flat({"epochs": 6})  # judged after epochs 2 and 4


def accuracy_of(config, epoch):
    """D_val's accuracy of a made-up training: the best learning rate is 0.1."""
    distance = abs(math.log10(config.training.learning_rate / 0.1))
    return round(0.9 - 0.2 * distance - 0.1 / epoch + 0.001 * config.training.seed, 6)


def cross_fitted_accuracy_of(config):
    """The same with class biases: the best learning rate is 0.02."""
    distance = abs(math.log10(config.training.learning_rate / 0.02))
    return round(0.9 - 0.2 * distance, 6)


class World:
    """Trains made-up runs at once; after some of them it is interrupted."""

    def __init__(self, path, runs_before_interruption=None, *, backwards=False, stops=True):
        self.path, self.left = path, runs_before_interruption
        self.backwards, self.stops = backwards, stops
        self.made = []

    def runs(self):
        return self.made

    def train(self, configs, may_stop, calibrated):
        for config in reversed(configs) if self.backwards else configs:
            if any(is_comparable(run, calibrated) for run in self.made if run.config == config):
                continue
            if self.left == 0:
                raise KeyboardInterrupt
            self.left = self.left and self.left - 1
            self.made.append(self.train_one(config, may_stop))

    def train_one(self, config, may_stop):
        folder = create_run(self.path, config, "")
        folder.append(started(config))
        planned = config.training.epochs
        history = History(folder)
        for number in range(1, planned + 1):
            if config.training.learning_rate > 0.8:
                reason = f"{NOT_FINITE} in epoch {number}"
                folder.write_status("failed", reason, epoch=number - 1, epochs=planned)
                break
            accuracy = accuracy_of(config, number)
            sample = epoch_done(number, config)
            folder.append(dataclasses.replace(sample, val_accuracy=accuracy, val_loss=1 - accuracy))
            history.refresh()
            if self.stops and number < planned and may_stop(history.snapshot()):
                folder.write_status("stopped", epoch=number, epochs=planned)
                break
        else:
            fitted = class_biases(config, val_accuracy=cross_fitted_accuracy_of(config))
            folder.append(fitted)
            folder.write_status("finished", epoch=planned, epochs=planned)
        history.refresh()
        return history.snapshot()


def search(num_trials=12, methods=("kd", "relative"), **values):
    return Search(BASE, methods, num_trials, **values)


def run(chosen, world, path=None):
    with open_storage(path) as storage:
        trials = [Trials(chosen, method, storage) for method in chosen.methods]
        return run_search(trials, world.runs, world.train)


def table(chosen, found):
    return json.loads(json.dumps(as_data(chosen, found)))


@pytest.fixture
def undisturbed(tmp_path):
    chosen = search()
    return table(chosen, run(chosen, World(tmp_path / "undisturbed")))


@pytest.mark.slow
def test_every_method_has_the_same_number_of_trials_and_some_are_pruned(undisturbed):
    for trials in undisturbed["trials"].values():
        assert sorted(trial["number"] for trial in trials) == list(range(12))
        assert any(trial["pruned"] for trial in trials)
        assert not any(trial["pruned"] for trial in trials if trial["number"] == 0)


@pytest.mark.parametrize("runs_before", first_quick([5, 3, 8, 17]))
@pytest.mark.parametrize("has_journal", [True, False])
def test_an_interrupted_search_gives_the_table_of_an_undisturbed_one(
    tmp_path, undisturbed, runs_before, has_journal
):
    chosen, path = search(), tmp_path / "trials.log" if has_journal else None
    world = World(tmp_path / "runs", runs_before)
    with pytest.raises(KeyboardInterrupt):
        run(chosen, world, path)
    world.left = None
    assert table(chosen, run(chosen, world, path)) == undisturbed


@pytest.mark.slow
def test_the_order_of_finishing_and_runs_that_end_before_they_are_stopped_change_nothing(
    tmp_path, undisturbed
):
    chosen = search()
    backwards = run(chosen, World(tmp_path / "a", backwards=True), tmp_path / "a.log")
    assert table(chosen, backwards) == undisturbed
    assert table(chosen, run(chosen, World(tmp_path / "b", stops=False))) == undisturbed


@pytest.mark.slow
def test_a_longer_search_begins_with_the_trials_of_a_shorter_one(tmp_path, undisturbed):
    short, world, path = search(num_trials=6), World(tmp_path / "runs"), tmp_path / "trials.log"
    run(short, world, path)
    chosen = search()
    assert table(chosen, run(chosen, world, path)) == undisturbed


@pytest.mark.slow
def test_a_journal_is_enough_without_the_runs(tmp_path, undisturbed):
    chosen, path = search(), tmp_path / "trials.log"
    run(chosen, World(tmp_path / "runs"), path)
    again = World(tmp_path / "others", runs_before_interruption=0)
    assert table(chosen, run(chosen, again, path)) == undisturbed


@pytest.mark.slow
def test_a_search_goes_on_from_a_table(tmp_path, undisturbed):
    file = tmp_path / "trials.json"
    short = search(num_trials=5)
    file.write_text(json.dumps([table(short, run(short, World(tmp_path / "runs")))]))
    chosen, world = search(), World(tmp_path / "others")
    with open_storage(tmp_path / "trials.log") as storage:
        trials = [Trials(chosen, method, storage) for method in chosen.methods]
        for each in trials:
            each.refill(read_table(file, chosen)[each.method], file)
        found = run_search(trials, world.runs, world.train)
    assert table(chosen, found) == undisturbed
    assert len(world.made) <= 2 * (12 - 5)


def test_later_seeds_of_a_pruned_trial_are_not_trained(tmp_path):
    chosen, world = search(seeds=(0, 1), methods=("kd",)), World(tmp_path)
    found = run(chosen, world)["kd"]
    pruned = [trial for trial in found if trial.pruned]
    assert pruned
    assert len(world.made) == 2 * (12 - len(pruned)) + len(pruned)
    done = next(trial for trial in found if not trial.pruned)
    config = chosen.start("kd")
    assert done.val_accuracy == pytest.approx(accuracy_of(config, 6) + 0.0005)


@pytest.mark.slow
def test_a_trial_whose_loss_is_not_finite_is_pruned_and_counts(tmp_path):
    chosen = search(num_trials=24, methods=("ce",))
    found = run(chosen, World(tmp_path))["ce"]
    diverged = [trial for trial in found if trial.pruned == "the loss was not finite"]
    assert diverged
    assert all(trial.params["learning_rate"] > 0.79 for trial in diverged)
    assert len(found) == 24


@pytest.mark.slow
def test_a_search_finds_a_better_learning_rate_than_that_of_the_method(tmp_path):
    chosen = search(num_trials=24, methods=("ce",))
    found = chosen.ranked(run(chosen, World(tmp_path))["ce"])
    assert abs(math.log10(found[0].params["learning_rate"] / 0.1)) < 0.1


@pytest.mark.slow
def test_a_run_that_fails_ends_the_method_there(tmp_path):
    class Failing(World):
        def train_one(self, config, may_stop):
            snapshot = super().train_one(config, may_stop)
            if config.method.method == "kd" and len(self.made) > 8:
                return dataclasses.replace(snapshot, state="failed", reason="No space left.")
            return snapshot

    found = run(search(), Failing(tmp_path))
    assert len(found["kd"]) < 12
    assert len(found["relative"]) == 12


# Refusals ---------------------------------------------------------------------------------------


def test_a_storage_of_another_search_is_refused(tmp_path):
    path = tmp_path / "trials.log"
    run(search(num_trials=2), World(tmp_path / "runs"), path)
    other = Search(BASE.changed(batch_size=32), ("kd",), 2)
    with pytest.raises(ConfigError, match=r"another search \(batch_size was 64, not 32\)"):
        run(other, World(tmp_path / "others"), path)
    with pytest.raises(ConfigError, match="search_seed was 0, not 1"):
        run(search(seed=1), World(tmp_path / "others"), path)
    run(search(methods=("ce",), num_trials=2), World(tmp_path / "others"), path)  # not there yet


def test_a_storage_that_another_search_uses_is_refused(tmp_path):
    path = tmp_path / "trials.log"
    with open_storage(path), pytest.raises(ConfigError, match="another search uses it"):
        run(search(num_trials=2), World(tmp_path / "runs"), path)


def test_a_storage_that_is_no_journal_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my notes\nand more\n")
    with pytest.raises(ConfigError, match="it is no journal of optuna"):
        run(search(num_trials=2), World(tmp_path / "runs"), path)
    assert path.read_text() == "my notes\nand more\n"


def test_a_write_that_was_cut_off_loses_only_itself(tmp_path):
    chosen, path, world = search(num_trials=4), tmp_path / "trials.log", World(tmp_path / "runs")
    whole = table(chosen, run(chosen, world, path))
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    assert table(chosen, run(chosen, world, path)) == whole
    assert path.read_bytes().count(b"\n") == content.count(b"\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "it is no table of trials"),
        ("{}", "it is no table of trials"),
        ('[{"search": {"identity": {}}, "trials": {"ce": []}}]', "it has none of these methods"),
        ('[{"search": {"identity": {}}, "trials": {"kd": []}}]', "of another search"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path, content, said):
    file = tmp_path / "trials.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match=said):
        read_table(file, search())


def test_a_table_that_differs_from_the_storage_is_refused(tmp_path):
    chosen, path, file = search(num_trials=2), tmp_path / "trials.log", tmp_path / "trials.json"
    data = table(chosen, run(chosen, World(tmp_path / "runs"), path))
    data["trials"]["kd"][0]["val_loss"] = 0.123
    file.write_text(json.dumps(data))
    with open_storage(path) as storage:
        trials = Trials(chosen, "kd", storage)
        with pytest.raises(ConfigError, match="differs from the one in the storage"):
            trials.refill(read_table(file, chosen)["kd"], file)
    data["trials"]["kd"] = [t for t in data["trials"]["kd"] if t["number"] == 1]
    file.write_text(json.dumps(data))
    with open_storage(None) as storage, pytest.raises(ConfigError, match="trial 0 of kd is not in"):
        Trials(chosen, "kd", storage).refill(read_table(file, chosen)["kd"], file)


# With class biases -----------------------------------------------------------------------------


CALIBRATED = "kd:calibration=class_biases"


def test_an_entry_with_class_biases_is_judged_by_its_cross_fitted_accuracy(tmp_path):
    chosen = search(num_trials=20, methods=(CALIBRATED,))
    [found] = run(chosen, World(tmp_path / "runs")).values()
    for result in found:
        if not result.pruned:
            entry = chosen.entry_with(CALIBRATED, result.params)
            assert result.val_accuracy == cross_fitted_accuracy_of(chosen.config_of(entry, 0))
    finished = [result for result in found if not result.pruned]
    rates = {result.number: result.params.get("learning_rate", 0.05) for result in finished}
    nearest = min(rates, key=lambda number: abs(math.log(rates[number] / 0.02)))
    assert chosen.ranked(found)[0].number == nearest


def test_a_run_of_an_earlier_version_has_no_class_biases_and_is_trained_again(tmp_path):
    plain, calibrated = (search(num_trials=1, methods=(name,)) for name in ("kd", CALIBRATED))
    world = World(tmp_path / "runs")
    run(plain, world)
    world.made = [with_log(run, class_biases=None) for run in world.made]
    run(calibrated, world)
    assert [run.class_biases is None for run in world.made] == [True, False]
    run(plain, world)
    assert len(world.made) == 2


def test_class_biases_are_not_judged_by_the_image_that_they_were_fitted_to():
    base = BASE.changed(val_per_class=1)
    with pytest.raises(ConfigError, match="val_per_class = 1 is not possible with 'kd:calib"):
        Search(base, (CALIBRATED,), 2)
    Search(base, ("kd",), 2)
    held_out = base.changed(val_per_class=3, train_on_val="batch")
    with pytest.raises(ConfigError, match="val_per_class = 3"):
        Search(held_out, (CALIBRATED,), 2)


# The command ------------------------------------------------------------------------------------


class LearnsAtItsRate(fake.FakeTraining):
    """A fake training whose accuracy on D_val depends on the learning rate."""

    def __iter__(self):
        for event in super().__iter__():
            if getattr(event, "kind", "") == "epoch":
                accuracy = accuracy_of(self.setup.config, event.epoch)
                event = dataclasses.replace(event, val_accuracy=accuracy, val_loss=1 - accuracy)
            yield event


class LearnTogether(fake.FakeTogether):
    """Several of them, in turns."""

    part = LearnsAtItsRate


@pytest.mark.slow
def test_two_jobs_give_the_table_of_one(bikd, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "load_training", lambda: LearnsAtItsRate)
    monkeypatch.setattr(job, "load_together", lambda: LearnTogether)
    monkeypatch.setattr(compare, "POLL_S", 0.02)
    tables = []
    for jobs in ("1", "2"):
        monkeypatch.setenv("BIKD_HOME", str(tmp_path / jobs))
        file = tmp_path / f"{jobs}.json"
        arguments = ("search", "--methods", "ce,kd", "--trials", "8", "--epochs", "6")
        storage = ("--storage", str(tmp_path / jobs / "trials.log"))
        code, _ = bikd(*arguments, *storage, "--jobs", jobs, "--export", str(file))
        assert code == 0
        tables.append(json.loads(file.read_text()))
    assert tables[0] == tables[1]
