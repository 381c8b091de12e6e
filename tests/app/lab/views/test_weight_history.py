"""Histograms of all epochs, each frame read once."""

import dataclasses

import numpy as np
import pytest

from app.lab.views.weight_history import WeightHistory
from bikd_core.config import RunConfig
from bikd_core.store import RunFolder
from tests.app.samples import epoch_done, histograms, make_run

CONFIG = RunConfig.from_flat({"epochs": 3})


@pytest.fixture
def read_epochs(monkeypatch):
    """Epochs whose frames were read, in turn."""
    epochs = []
    read = RunFolder.frame

    def noted(self, epoch):
        epochs.append(epoch)
        return read(self, epoch)

    monkeypatch.setattr(RunFolder, "frame", noted)
    return epochs


@pytest.fixture
def snapshot(manager):
    return manager.snapshot(make_run(manager.places.runs).run_id)


def until(snapshot, num_epochs):
    return dataclasses.replace(snapshot, epochs=snapshot.epochs[:num_epochs])


def test_the_counts_of_the_chosen_classes_are_added_up(snapshot):
    counts = WeightHistory().counts(snapshot, (7, 9))
    for number in (1, 2, 3):
        stored = histograms(CONFIG, epoch_done(CONFIG, number))
        assert (counts[number - 1] == stored[:, 7] + stored[:, 9]).all()


def test_a_new_epoch_reads_one_frame(snapshot, read_epochs):
    history = WeightHistory()
    history.counts(until(snapshot, 2), (0,))
    history.counts(snapshot, (0, 1))
    assert read_epochs == [1, 2, 3]


def test_an_epoch_that_was_trained_again_is_read_again(snapshot, read_epochs):
    history = WeightHistory()
    history.counts(snapshot, (0,))
    first, second, third = snapshot.epochs
    again = dataclasses.replace(second, seconds=second.seconds + 1)
    history.counts(dataclasses.replace(snapshot, epochs=(first, again, third)), (0,))
    assert read_epochs[3:] == [2]


def test_a_gone_and_a_damaged_frame_have_no_images(snapshot):
    frames = snapshot.folder.path / "frames"
    (frames / "0001.npz").unlink()
    (frames / "0003.npz").write_bytes(b"junk")
    counts = WeightHistory().counts(snapshot, (0,))
    assert counts.any(axis=(1, 2)).tolist() == [False, True, False]


def test_a_run_without_histograms_has_no_images(manager):
    snapshot = manager.snapshot(make_run(manager.places.runs, method="ce").run_id)
    counts = WeightHistory().counts(snapshot, (0,))
    assert not counts.any()
    assert counts.dtype == np.int64
