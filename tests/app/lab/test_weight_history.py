"""Histograms of all epochs, each file read once."""

import os

import numpy as np
import pytest

from app.lab import weight_history
from app.lab.weight_history import WeightHistory
from bikd_core.config import RunConfig
from tests.app.samples import epoch_done, histograms, make_run

CONFIG = RunConfig.from_flat({"epochs": 3})


@pytest.fixture
def read_files(monkeypatch):
    """Names of the files read, in turn."""
    names = []
    read = weight_history._read

    def noted(path):
        names.append(path.name)
        return read(path)

    monkeypatch.setattr(weight_history, "_read", noted)
    return names


def test_the_counts_of_the_chosen_classes_are_added_up(tmp_path):
    history = WeightHistory(make_run(tmp_path).path)
    counts = history.counts(3, (7, 9))
    for number in (1, 2, 3):
        stored = histograms(CONFIG, epoch_done(CONFIG, number))
        assert (counts[number - 1] == stored[:, 7] + stored[:, 9]).all()


def test_a_new_epoch_reads_one_file(tmp_path, read_files):
    history = WeightHistory(make_run(tmp_path).path)
    history.counts(2, (0,))
    history.counts(3, (0, 1))
    assert read_files == ["0001.npz", "0002.npz", "0003.npz"]


def test_a_frame_that_was_written_anew_is_read_again(tmp_path, read_files):
    run = make_run(tmp_path)
    history = WeightHistory(run.path)
    history.counts(3, (0,))
    os.utime(run.path / "frames" / "0002.npz", ns=(1, 1))
    history.counts(3, (0,))
    assert read_files[3:] == ["0002.npz"]


def test_a_gone_and_a_damaged_frame_have_no_images(tmp_path):
    run = make_run(tmp_path)
    (run.path / "frames" / "0001.npz").unlink()
    (run.path / "frames" / "0003.npz").write_bytes(b"junk")
    counts = WeightHistory(run.path).counts(3, (0,))
    assert counts.any(axis=(1, 2)).tolist() == [False, True, False]


def test_a_run_without_histograms_has_no_images(tmp_path):
    counts = WeightHistory(make_run(tmp_path, method="ce").path).counts(3, (0,))
    assert not counts.any()
    assert counts.dtype == np.int64
