"""Fixtures of the training: a digits run of about a second, with a quick teacher."""

import shutil
from functools import cache

import pytest

from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.events import EpochDone
from bikd_core.places import Places
from bikd_core.training import Training, teachers


def train_teachers_quickly(monkeypatch):
    made = teachers.teacher_config
    monkeypatch.setattr(teachers, "teacher_config", lambda config: made(config).changed(epochs=2))


@pytest.fixture
def quick_teacher(monkeypatch):
    """Train teachers for two epochs instead of sixty."""
    train_teachers_quickly(monkeypatch)


@pytest.fixture(scope="session")
def digits():
    return RunConfig.from_flat(
        {"imbalance_factor": 5, "head_count": 20, "epochs": 3, "batch_size": 16}
    )


@pytest.fixture
def places(tmp_path):
    return Places.at(tmp_path)


@pytest.fixture(scope="session")
def shared_places(digits, tmp_path_factory):
    """Places that hold the teacher of the digits, trained once and only read."""
    shared = Places.at(tmp_path_factory.mktemp("shared"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        train_teachers_quickly(monkeypatch)
        list(Training(digits.changed(method="kd", epochs=1), Control(), shared))
    return shared


@pytest.fixture
def stored_teacher(places, quick_teacher, shared_places):
    """Let a run find the teacher of the digits, so that none is trained."""
    shutil.copytree(shared_places.teachers, places.teachers)


@pytest.fixture
def run(places, stored_teacher):
    """Train a config to its end; return its events."""

    def train(config, control=None, state=None):
        return list(Training(config, control or Control(), places, state=state))

    return train


@pytest.fixture(scope="session")
def events_of(digits, shared_places):
    """Return the events of the digits' run with a method; it trains once and they are only read."""

    @cache
    def train(method):
        return tuple(Training(digits.changed(method=method), Control(), shared_places))

    return train


def epochs(events):
    return [event for event in events if isinstance(event, EpochDone)]
