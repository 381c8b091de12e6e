"""Runs that train together in a folder of runs, and the versions that they keep."""

import json

import numpy as np
import pytest

from bikd_core import __version__
from bikd_core.config import RunConfig
from bikd_core.store import CorruptRunError, RunFolder, StoreError, create_run, open_run
from bikd_core.store.runs_dir import create_together
from bikd_core.store.versions import versions
from tests.fake_training import config


def test_runs_that_train_together_know_each_other(tmp_path):
    configs = [RunConfig.from_flat({"seed": seed}) for seed in (3, 4)]
    made = create_together(tmp_path, configs)
    for folder, wanted in zip(made, configs, strict=True):
        record = open_run(tmp_path, folder.run_id).record()
        assert (record.id, record.config) == (folder.run_id, wanted)
        assert record.together == tuple(one.run_id for one in made)


def test_of_runs_that_train_together_all_are_made_or_none(tmp_path, monkeypatch):
    write, written = RunFolder.write_status, []

    def full(self, *args, **kwargs):
        if written:
            raise OSError(28, "No space left on device")
        written.append(self)
        write(self, *args, **kwargs)

    monkeypatch.setattr(RunFolder, "write_status", full)
    with pytest.raises(StoreError, match="No space left"):
        create_together(tmp_path, [config(), config()])
    assert list(tmp_path.iterdir()) == []


def test_the_versions_that_numbers_depend_on_are_named():
    found = versions()
    assert set(found) == {"bikd", "python", "torch", "numpy"}
    assert found["numpy"] == np.__version__
    assert found["bikd"] == __version__


@pytest.mark.parametrize("other", ["..", "../secret", "a/b", "", "A b", "x" * 200])
def test_runs_that_share_steps_are_named_by_ids_alone(tmp_path, other):
    run = create_run(tmp_path, RunConfig.from_flat({}))
    path = run.path / "run.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"together": [run.run_id, other]}))
    with pytest.raises(CorruptRunError, match=r"together.* is not the id of a run"):
        run.record()
