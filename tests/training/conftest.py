"""Fixtures of the training: a digits run of about a second, with a quick teacher."""

import pytest

from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.events import EpochDone
from bikd_core.places import Places
from bikd_core.training import Training, start


@pytest.fixture
def quick_teacher(monkeypatch):
    """Train teachers for two epochs instead of sixty."""
    original = start.teacher_config
    monkeypatch.setattr(start, "teacher_config", lambda config: original(config).changed(epochs=2))


@pytest.fixture(scope="session")
def digits():
    return RunConfig.from_flat(
        {"imbalance_factor": 5, "head_count": 20, "epochs": 3, "batch_size": 16}
    )


@pytest.fixture
def places(tmp_path):
    return Places.at(tmp_path)


@pytest.fixture
def run(places, quick_teacher):
    """Train a config to its end; return its events."""

    def train(config, control=None, state=None):
        return list(Training(config, control or Control(), places, state=state))

    return train


def epochs(events):
    return [event for event in events if isinstance(event, EpochDone)]
