"""A run that is killed at any moment, inside writes too, ends as one that was never disturbed."""

import os
import random
import signal
import time
from functools import partial

import pytest
from safetensors.numpy import load_file

from bikd_core.control import Control
from bikd_core.places import Places
from bikd_core.store import create_run
from bikd_core.worker import recording
from bikd_core.worker.recording import record
from tests import fake_training
from tests.fake_training import FakeTraining, config
from tests.repeated import as_many, first_quick
from tests.small_disk import SmallDisk, dies

EPOCHS = 12
KILLED = (9, -signal.SIGALRM)  # what `in_a_child` returns of one that was killed
MOST_DEATHS = 6  # of one run, before it is left in peace


def in_a_child(work) -> int:
    """Do something in a forked process; return its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def train(folder, places, **values):
    return record(folder, places, Control(), FakeTraining, num_threads=1, **values)


def train_until_the_disk_ends(folder, places, num_bytes, monkeypatch):
    with SmallDisk(num_bytes, dies).in_use(monkeypatch):
        train(folder, places, resume=True)


def train_until_killed(folder, places, seconds):
    """Train until a timer kills the process, wherever it is."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, with nothing cleaned up
    signal.setitimer(signal.ITIMER_REAL, seconds)
    train(folder, places, resume=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The files of a run that nothing happened to, and how many bytes it wrote."""
    places = Places.at(tmp_path_factory.mktemp("undisturbed"))
    folder = create_run(places.runs, config(epochs=EPOCHS))
    disk = SmallDisk(10**9, dies)
    began = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fake_training, "SECONDS_PER_STEP", 0.0)
        patch.setattr(recording, "CHECKPOINT_EVERY_S", 0.0)
        with disk.in_use(patch):
            train(folder, places)
    return folder, 10**9 - disk.room, time.monotonic() - began


@pytest.mark.parametrize("number", first_quick(range(as_many(10, 50))))
def test_a_run_killed_again_and_again_ends_as_an_undisturbed_one(
    number, undisturbed, tmp_path, monkeypatch
):
    whole, num_bytes, seconds = undisturbed
    draw = random.Random(number)
    monkeypatch.setattr(fake_training, "SECONDS_PER_STEP", 0.0)
    monkeypatch.setattr(recording, "CHECKPOINT_EVERY_S", draw.choice([0.0, 0.01, 60.0]))
    places = Places.at(tmp_path)
    folder = create_run(places.runs, config(epochs=EPOCHS))
    deaths = 0
    while deaths < MOST_DEATHS:
        if deaths == 0 or draw.random() < 0.7:  # a timer may come too late, a full disk never
            room = draw.randrange(num_bytes)
            work = partial(train_until_the_disk_ends, folder, places, room, monkeypatch)
        else:
            work = partial(train_until_killed, folder, places, draw.uniform(0.001, seconds))
        end = in_a_child(work)
        if end == 0:
            break
        assert end in KILLED
        deaths += 1
    assert in_a_child(partial(train, folder, places, resume=True)) == 0
    assert folder.status().state == "finished"
    assert folder.events() == whole.events()
    assert folder.frames_available == whole.frames_available
    students = [load_file(run.student_path)["weight"].tolist() for run in (folder, whole)]
    assert students[0] == students[1]
    assert deaths or number  # the first of them was really killed
