"""A disk that fills up, or turns read-only, at any byte: state and reason are kept; it goes on."""

import errno
import os

import pytest

from bikd_core.control import Control
from bikd_core.places import Places
from bikd_core.store import StoreError, create_run
from bikd_core.worker import recording
from bikd_core.worker.recording import record
from tests import fake_training
from tests.fake_training import FakeTraining, config
from tests.repeated import first_quick
from tests.small_disk import SmallDisk, fails_with

EPOCHS = 6
#: Files that take the room of the reserve, which `test_full_disk` tests on a real disk.
LAST_WORDS = ("status", "traceback", "events")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(fake_training, "SECONDS_PER_STEP", 0.0)
    monkeypatch.setattr(recording, "CHECKPOINT_EVERY_S", 0.0)


def train(folder, places, **values):
    return record(folder, places, Control(), FakeTraining, num_threads=1, **values)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS], ids=["full", "read-only"])
@pytest.mark.parametrize("share", first_quick([0.5, *(number / 20 for number in range(20))]))
def test_a_disk_that_fails_after_some_bytes_loses_no_epoch(share, code, tmp_path, monkeypatch):
    places = Places.at(tmp_path)
    whole = create_run(places.runs, config(epochs=EPOCHS))
    disk = SmallDisk(10**9, fails_with(code), LAST_WORDS)
    with disk.in_use(monkeypatch):
        train(whole, places)
    folder = create_run(places.runs, config(epochs=EPOCHS))
    told = ""
    room = int(share * (10**9 - disk.room))
    with SmallDisk(room, fails_with(code), LAST_WORDS).in_use(monkeypatch):
        try:
            told = train(folder, places).reason
        except StoreError as error:
            told = str(error)
    assert os.strerror(code) in told
    known = [event for event in folder.events() if event.kind == "epoch"]
    assert train(folder, places, resume=True).state == "finished"
    assert folder.events() == whole.events()
    assert [event for event in folder.events() if event.kind == "epoch"][: len(known)] == known
