"""Run managers whose children train with a stand-in."""

import threading

import pytest

from bikd_core.places import Places
from bikd_core.runs import RunManager, spare
from tests import fake_training as fake


@pytest.fixture
def places(tmp_path) -> Places:
    return Places.at(tmp_path)


@pytest.fixture
def new_manager(places, monkeypatch):
    """Makes managers whose children train with the fake; at the end none is left."""
    managers, children = [], []

    class Counted(spare.Child):
        def __init__(self, command):
            super().__init__(command)
            children.append(self)

    monkeypatch.setattr(spare, "Child", Counted)

    def new_manager(*, keeps_spares=False, **values):
        manager = RunManager(places, **{"worker": fake.WORKER} | values)
        if not keeps_spares:  # beyond the first: most tests would never use one
            monkeypatch.setattr(manager, "_warm_up", lambda: None)
        manager.children = children
        managers.append(manager)
        return manager

    yield new_manager
    for manager in managers:
        manager.shutdown()
    assert not [child.pid for child in children if child.is_alive]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("run ")]


@pytest.fixture
def manager(new_manager) -> RunManager:
    return new_manager()
