"""Run managers that train with a stand-in, in a thread or in child processes."""

import threading

import pytest

from bikd_core.places import Places
from bikd_core.runs import RunManager, job, spare
from tests import fake_training as fake


@pytest.fixture
def places(tmp_path) -> Places:
    return Places.at(tmp_path)


@pytest.fixture
def new_manager(places, monkeypatch):
    """Makes managers that train with the fake; at the end no child is left."""
    managers, children = [], []

    class Counted(spare.Child):
        def __init__(self, command):
            super().__init__(command)
            children.append(self)

    monkeypatch.setattr(spare, "Child", Counted)
    monkeypatch.setattr(job, "load_training", lambda: fake.FakeTraining)
    monkeypatch.setattr(job, "load_together", lambda: fake.FakeTogether)

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


@pytest.fixture(params=["thread", pytest.param("child", marks=pytest.mark.slow)])
def manager(new_manager, request) -> RunManager:
    """A manager that trains in a thread; the slow tests do the same with child processes."""
    return new_manager(in_process=request.param == "thread")


@pytest.fixture
def parent(new_manager) -> RunManager:
    """A manager that trains in child processes."""
    return new_manager()
