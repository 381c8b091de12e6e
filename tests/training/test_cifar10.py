"""ResNets on the real CIFAR-10 files, with just enough steps to show that they learn."""

import os
from pathlib import Path

import pytest

from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.events import EpochDone, RunStarted
from bikd_core.places import Places
from bikd_core.training import Training

FOLDER = os.environ.get("BIKD_TEST_CIFAR10")


@pytest.mark.slow
@pytest.mark.skipif(
    not FOLDER, reason="BIKD_TEST_CIFAR10 names no folder that holds cifar-10-batches-py"
)
@pytest.mark.parametrize("estimator", ["forward", "finite_difference"])
def test_bikd_trains_on_cifar10_lt(tmp_path, quick_teacher, estimator):
    config = RunConfig.from_flat(
        {
            "dataset": "cifar10",
            "imbalance_factor": 10,
            "head_count": 60,
            "batch_size": 50,
            "learning_rate": 0.02,
            "test_per_class": 10,
            "val_per_class": 20,
            "teacher_model": "resnet8",
            "student": "resnet8",
            "estimator": estimator,
            "epochs": 3,
        }
    )
    places = Places.at(tmp_path, Path(FOLDER))
    events = list(Training(config, Control(), places))
    started = next(event for event in events if isinstance(event, RunStarted))
    done = [event for event in events if isinstance(event, EpochDone)]
    assert started.class_counts[0] == 60
    assert started.class_counts[-1] == 6
    assert started.num_test == 100
    assert len(done) == 3
    assert done[-1].train_hard_loss < done[0].train_hard_loss
    assert all(0 < weight < 1 for weight in done[-1].w_hard_per_class)
