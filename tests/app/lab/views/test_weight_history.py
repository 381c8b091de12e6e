"""Weight histograms of all epochs, of some classes."""

import numpy as np
import pytest

from app.lab.views.weight_history import weight_counts
from bikd_core.config import RunConfig
from tests.made_up import epoch_done, histograms, make_run

CONFIG = RunConfig.from_flat({"epochs": 3})


@pytest.fixture
def snapshot(manager):
    return manager.snapshot(make_run(manager.places.runs).run_id)


def test_the_counts_of_the_chosen_classes_are_added_up(snapshot):
    counts = weight_counts(snapshot, (7, 9))
    for number in (1, 2, 3):
        stored = histograms(CONFIG, epoch_done(number, CONFIG))
        assert (counts[number - 1] == stored[:, 7] + stored[:, 9]).all()


def test_a_gone_and_a_damaged_frame_have_no_images(snapshot):
    frames = snapshot.folder.path / "frames"
    (frames / "0001.npz").unlink()
    (frames / "0003.npz").write_bytes(b"junk")
    counts = weight_counts(snapshot, (0,))
    assert counts.any(axis=(1, 2)).tolist() == [False, True, False]


def test_a_run_without_histograms_has_no_images(manager):
    snapshot = manager.snapshot(make_run(manager.places.runs, method="ce").run_id)
    counts = weight_counts(snapshot, (0,))
    assert not counts.any()
    assert counts.dtype == np.int64
