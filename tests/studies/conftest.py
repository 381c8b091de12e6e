"""Fixtures of the studies: a manager of fake runs, finished runs written by hand, the command."""

import dataclasses
import time

import pytest

from bikd_core.cli import compare, main, study
from bikd_core.places import Places
from bikd_core.runs import RunManager, job
from bikd_core.runs.history import History
from bikd_core.store import create_run
from tests import fake_training as fake
from tests.made_up import epoch_done, started


@pytest.fixture
def in_process():
    """Whether managers train in a thread instead of child processes."""
    return True


@pytest.fixture(autouse=True)
def fake_runs(monkeypatch):
    """Let what trains in a thread be a fake, as in the child processes."""
    monkeypatch.setattr(job, "load_training", lambda: fake.FakeTraining)
    monkeypatch.setattr(job, "load_together", lambda: fake.FakeTogether)


@pytest.fixture
def manager(tmp_path, in_process):
    made = RunManager(Places.at(tmp_path), worker=fake.WORKER, in_process=in_process)
    yield made
    made.shutdown()


@pytest.fixture
def finished(tmp_path):
    """Write a finished run; each epoch lists the fields that differ from a sample."""

    def write(config, *epochs):
        folder = create_run(tmp_path / "made", config, "")
        folder.append(started(config))
        for number, values in enumerate(epochs, 1):
            sample = epoch_done(number, config)
            folder.append(dataclasses.replace(sample, **values))
        folder.write_status("finished", epoch=len(epochs), epochs=len(epochs))
        return History(folder).snapshot()

    return write


def wait(manager, run_ids):
    for run_id in run_ids:
        while not manager.snapshot(run_id).has_ended:
            time.sleep(0.02)


@pytest.fixture
def bikd(tmp_path, monkeypatch, capsys, in_process):
    """Run a command on fake runs of two epochs; return the exit code and what it printed."""
    monkeypatch.setenv("BIKD_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "300")
    for module in (compare, study):
        monkeypatch.setattr(
            module,
            "RunManager",
            lambda places, max_training: RunManager(
                places, max_training=max_training, worker=fake.WORKER, in_process=in_process
            ),
        )

    def run(*arguments):
        epochs = () if "--epochs" in arguments else ("--epochs", "2")
        code = main([*arguments, *epochs])
        return code, capsys.readouterr()

    return run
