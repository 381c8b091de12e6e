"""What each training image had at an epoch, and one of them over all epochs."""

import numpy as np
import pytest

from app.lab.views.images import values as module
from app.lab.views.images.values import history, values_at
from tests.app.pictured import make_pictured_run, weights_at


@pytest.fixture
def snapshot(manager):
    return manager.snapshot(make_pictured_run(manager.places.runs).run_id)


def test_the_history_of_a_picture_is_its_row_of_every_frame(snapshot):
    found = history(snapshot, 100)
    assert found.every == 1
    hard = [float(weights_at(epoch)[100, 0]) for epoch in (1, 2, 3)]
    assert found.line("w_hard") == hard
    assert found.line("ce_student") == pytest.approx([1, 1 / 2, 1 / 3], rel=1e-3)
    assert found.line("ce_teacher") == pytest.approx([0.5] * 3)
    assert found.line("influence_hard") == [-100, -200, -300]
    assert found.line("influence_soft") == [100, 200, 300]


def test_a_long_history_is_thinned(snapshot, monkeypatch):
    monkeypatch.setattr(module, "MAX_POINTS", 2)
    found = history(snapshot, 7)
    assert found.every == 2
    assert found.line("influence_soft") == [7, 21]


def test_a_method_without_weights_has_losses_only(manager):
    run = make_pictured_run(manager.places.runs, method="ce")
    found = history(manager.snapshot(run.run_id), 5)
    assert found.line("w_hard") is found.line("influence_soft") is None
    assert found.line("ce_teacher") is None
    assert len(found.line("ce_student")) == 3


def test_a_history_has_the_values_of_each_epoch(snapshot):
    found = history(snapshot, 42)
    for epoch in (1, 2, 3):
        np.testing.assert_array_equal(found.values[epoch - 1], values_at(snapshot, epoch)[42])
