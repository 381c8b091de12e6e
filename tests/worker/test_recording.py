import functools
import subprocess
import sys
from pathlib import Path

import pytest

from bikd_core.control import Control
from bikd_core.events import EpochDone, RunFailed, RunStarted
from bikd_core.places import Places
from bikd_core.store import StoreError, create_run
from bikd_core.worker import recording
from bikd_core.worker.recording import Outcome, reason_for, record
from tests import fake_training as fake
from tests.fake_training import FakeTraining, config
from tests.patience import PATIENCE_S


class Stopper:
    """Collects the events, and stops the run at the first one that `at` is true of."""

    def __init__(self, at=lambda event: False):
        self.control, self.events, self._at = Control(), [], at

    def __call__(self, event):
        self.events.append(event)
        if self._at(event):
            self.control.stop()


def at_epoch(number):
    return lambda event: isinstance(event, EpochDone) and event.epoch == number


@pytest.fixture
def places(tmp_path) -> Places:
    return Places.at(tmp_path)


@pytest.fixture
def train(places):
    def train(folder, stopper=None, make=FakeTraining, **values):
        stopper = stopper or Stopper()
        values = {"num_threads": 2, "emit": stopper} | values
        return record(folder, places, stopper.control, make, **values)

    return train


def new_run(places, **values):
    return create_run(places.runs, config(**values))


def test_a_run_to_the_end_leaves_all_it_should(places, train):
    folder, seen = new_run(places, epochs=3), Stopper()
    assert train(folder, seen) == Outcome("finished")
    assert folder.events() == seen.events
    assert [type(event) for event in seen.events] == [RunStarted, *[EpochDone] * 3]
    assert folder.frames_available == (1, 2, 3)
    assert folder.frame(3).ce_student[0] == pytest.approx(seen.events[-1].train_hard_loss)
    assert len(folder.panel().labels) == 5
    assert folder.checkpoint_epoch() == 3
    status = folder.status()
    assert (status.state, status.epoch, status.epochs) == ("finished", 3, 3)
    assert folder.record().resolved.data_fingerprint == "f1"
    assert folder.record().resolved.num_threads == 2
    assert not folder.is_held()


def test_the_trained_student_is_exported_alone(places, train):
    from safetensors import safe_open

    folder = new_run(places)
    train(folder)
    with safe_open(folder.path / "student.safetensors", "numpy") as file:
        assert set(file.keys()) == {"weight"}
        assert file.metadata()["model"] == "digits_cnn_s"


def test_a_frame_is_there_before_its_epoch_is_told(places):
    folder = new_run(places)

    def look(event):
        if isinstance(event, EpochDone):
            assert event.epoch in folder.frames_available
            assert folder.status().epoch == event.epoch

    record(folder, places, Control(), FakeTraining, num_threads=1, emit=look)
    assert folder.status().state == "finished"


def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(places, train):
    whole, parts = new_run(places, epochs=5), new_run(places, epochs=5)
    train(whole)
    assert train(parts, Stopper(at_epoch(2))) == Outcome("stopped")
    assert parts.checkpoint_epoch() == 2
    later = Stopper()
    assert train(parts, later, resume=True) == Outcome("finished")
    assert parts.events() == whole.events()
    assert [type(event) for event in later.events] == [RunStarted, *[EpochDone] * 3]
    assert parts.frames_available == (1, 2, 3, 4, 5)


def test_a_run_whose_log_is_ahead_of_its_checkpoint_is_cut_back_to_it(places, train, monkeypatch):
    whole, parts = new_run(places, epochs=5), new_run(places, epochs=5)
    train(whole)
    train(parts, Stopper(at_epoch(2)))
    checkpoint = parts.load_checkpoint()
    train(parts, Stopper(at_epoch(4)), resume=True)
    parts.save_checkpoint(*checkpoint)  # as if it had been killed before it saved again
    with parts.log_path.open("a") as file:
        file.write('{"kind": "ep')
    train(parts, resume=True)
    assert parts.events() == whole.events()


def test_a_run_that_never_saved_begins_again(places, train):
    folder = new_run(places)
    assert train(folder, Stopper(lambda event: isinstance(event, RunStarted))).state == "stopped"
    assert folder.checkpoint_epoch() == 0
    assert train(folder, resume=True) == Outcome("finished")
    assert [type(event) for event in folder.events()] == [RunStarted, *[EpochDone] * 3]


def test_a_resumed_run_takes_what_was_resolved_at_start(places, train):
    folder, setups = new_run(places, epochs=4), []

    def make(setup):
        setups.append(setup)
        return FakeTraining(setup)

    train(folder, Stopper(at_epoch(1)), make, num_threads=5)
    train(folder, None, make, num_threads=1, resume=True)
    first, second = setups
    assert (first.config.training.device, first.num_threads) == ("auto", 5)
    assert (second.config.training.device, second.num_threads) == ("cpu", 5)
    assert first.checkpoint is None
    assert second.checkpoint.values == {"epoch": 1}


def test_a_run_is_not_resumed_on_other_data(places, train):
    folder = new_run(places, epochs=4)
    train(folder, Stopper(at_epoch(1)))
    changed = functools.partial(FakeTraining, fingerprint="f2")
    outcome = train(folder, None, changed, resume=True)
    assert outcome.state == "failed"
    assert "fingerprint f2, it was f1" in outcome.reason


def test_checkpoints_come_when_they_are_due(places, train, monkeypatch):
    saved = []
    folder = new_run(places, epochs=4)
    monkeypatch.setattr(
        type(folder), "save_checkpoint", lambda self, tensors, values: saved.append(values["epoch"])
    )
    train(folder)
    assert saved == [1, 4]
    saved.clear()
    monkeypatch.setattr(recording, "CHECKPOINT_EVERY_S", 0.0)
    train(new_run(places, epochs=4))
    assert saved == [1, 2, 3, 4]


def test_an_abandoned_run_is_interrupted_not_stopped(places, train):
    folder = new_run(places, epochs=4)
    outcome = train(folder, Stopper(at_epoch(1)), is_abandoned=lambda: True)
    assert outcome.state == folder.status().state == "interrupted"
    assert folder.checkpoint_epoch() == 1


def test_a_failure_is_in_status_log_and_traceback(places, train):
    folder, seen = new_run(places, seed=fake.DIVERGES), Stopper()
    outcome = train(folder, seen)
    assert outcome == Outcome("failed", "RuntimeError: nan in epoch 3")
    assert folder.status().reason == outcome.reason
    assert folder.status().epoch == 2
    assert folder.events()[-1] == seen.events[-1] == RunFailed(reason=outcome.reason)
    assert "in go_wrong" in (folder.path / "traceback.txt").read_text()


def test_who_comes_second_is_refused_and_changes_nothing(places, train, monkeypatch):
    monkeypatch.setattr(recording, "LOCK_TIMEOUT_S", 0.1)
    folder = new_run(places)
    before = folder.status()
    with folder.lock(), pytest.raises(StoreError, match="Another process trains the run digits-"):
        train(folder)
    assert folder.status() == before


# In a process of its own: the limit holds for all its files, and pytest's own output may be one.
# 300 bytes are enough for a status, not for a log.
NO_SPACE = """
import resource, sys
from pathlib import Path
from bikd_core.control import Control
from bikd_core.places import Places
from bikd_core.worker.recording import record
from bikd_core.store import RunFolder
from tests.fake_training import FakeTraining

hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))
folder, places = RunFolder(Path(sys.argv[1])), Places.at(Path(sys.argv[2]))
print(*record(folder, places, Control(), FakeTraining, num_threads=2), sep="|")
"""


@pytest.mark.slow
def test_a_full_disk_fails_the_run_with_that_reason(places, tmp_path):
    folder = new_run(places)
    command = [sys.executable, "-c", NO_SPACE, str(folder.path), str(tmp_path)]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    state, reason = done.stdout.strip().split("|")
    assert state == folder.status().state == "failed"
    assert "cannot be written (File too large)" in reason
    assert "could not be written in full" in done.stderr


class OutOfMemoryError(RuntimeError):
    """As torch's is named."""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("seed = -1 is not possible."), "seed = -1 is not possible."),
        (StoreError("No space."), "No space."),
        (KeyError("x"), "KeyError: 'x'"),
        (AssertionError(), "AssertionError"),
        (ValueError(), "ValueError"),
    ],
)
def test_the_reason_is_the_message_where_the_message_is_a_sentence(error, reason):
    assert reason_for(error) == reason


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_out_of_memory_has_a_hint(error):
    assert "not enough memory: a smaller batch_size or student" in reason_for(error)
