"""Runs that are stand-ins, in a manager of their own; finished ones made by hand."""

import dataclasses
import time

import pytest

from bikd_core.places import Places
from bikd_core.runs import RunManager
from bikd_core.runs.history import History
from bikd_core.store import create_run
from tests import fake_training as fake
from tests.app.samples import epoch_done


@pytest.fixture
def manager(tmp_path):
    made = RunManager(Places.at(tmp_path), worker=fake.WORKER)
    yield made
    made.shutdown()


@pytest.fixture
def finished(tmp_path):
    """Writes a finished run with these epochs; each epoch is what differs from a sample."""

    def write(config, *epochs):
        folder = create_run(tmp_path / "made", config, "")
        for number, values in enumerate(epochs, 1):
            sample = epoch_done(config, number)
            folder.append(dataclasses.replace(sample, **values))
        folder.write_status("finished", epoch=len(epochs), epochs=len(epochs))
        return History(folder).snapshot()

    return write


def wait(manager, run_ids):
    for run_id in run_ids:
        while not manager.snapshot(run_id).has_ended:
            time.sleep(0.02)
