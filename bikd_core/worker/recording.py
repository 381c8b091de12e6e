"""Trains one run into its folder: the one place where a training meets the disk. No torch here."""

from __future__ import annotations

import logging
import math
import time
import traceback
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.events import (
    ControlChanged,
    EpochDone,
    Event,
    Frame,
    Panel,
    RunFailed,
    RunStarted,
    StepDone,
    StepTrace,
)
from bikd_core.places import Places
from bikd_core.store import Checkpoint, RunFolder, RunRecord, RunState, StoreError
from bikd_core.store.files import replace_text, writing

log = logging.getLogger(__name__)

CHECKPOINT_EVERY_S = 10.0  # of training; also after the first epoch, at every pause and at the end
LOCK_TIMEOUT_S = 2.0  # a server that hands over a queued run releases it just before


class RecordableTraining(Protocol):
    """A `bikd_core.training.Training` whose state is in numpy arrays."""

    def __iter__(self) -> Iterator[Event | Panel | Frame | StepTrace]: ...

    def state_arrays(self) -> Checkpoint:
        """Return the state after the last `EpochDone`, to go on from. Do not change its arrays."""
        ...


class Setup(NamedTuple):
    """The arguments of `make_training`: what a training is made from."""

    config: RunConfig
    control: Control
    places: Places
    checkpoint: Checkpoint | None  # to go on from
    num_threads: int


MakeTraining = Callable[[Setup], RecordableTraining]


class Outcome(NamedTuple):
    """The end of a recorded training, as its folder's status says."""

    state: RunState
    reason: str = ""


def record(
    folder: RunFolder,
    places: Places,
    control: Control,
    make_training: MakeTraining,
    *,
    num_threads: int,
    resume: bool = False,
    emit: Callable[[Event], None] = lambda event: None,
    is_abandoned: Callable[[], bool] = lambda: False,
    refusals: tuple[type[Exception], ...] = (),
) -> Outcome:
    """Train a run to its end, or until `control` stops it, and hold the folder's lock meanwhile.

    A training that raises is an outcome too: its reason goes to the status and the log, its
    traceback to `traceback.txt`.

    Args:
        folder: The folder of a run, made by `create_run`.
        places: Where the training finds data sets and teachers.
        control: Steers the training, from other threads.
        make_training: `bikd_core.worker.process.load_training()`.
        num_threads: For a run that begins; a resumed one takes the number it began with.
        resume: Go on after the checkpoint; without one, begin again.
        emit: Called with each event once it is in the folder.
        is_abandoned: Whether a stop means that the server is gone: the run is then interrupted.
        refusals: Errors to raise instead of recording: the caller reports them and keeps no run.

    Raises:
        StoreError: Somebody else trains this run.
    """
    with folder.hold(LOCK_TIMEOUT_S):
        recording = Recording(folder, control, emit)
        try:
            recording.train(places, make_training, num_threads, resume=resume)
            return recording.end(is_abandoned=is_abandoned())
        except refusals:
            raise
        except Exception as error:
            return recording.fail(error)


class TogetherTraining(Protocol):
    """A `bikd_core.training.together.TogetherTraining` whose states are in numpy arrays."""

    def __iter__(self) -> Iterator[tuple[int, Event | Panel | Frame | StepTrace | Exception]]: ...

    def end(self, number: int) -> None:
        """Let one of them end: it yields nothing more."""
        ...

    def state_arrays(self, number: int) -> Checkpoint:
        """Return the state of one of them after its last `EpochDone`. Do not change its arrays."""
        ...


class Recording:
    """What one training writes into its run's folder, whose lock the caller holds."""

    def __init__(self, folder: RunFolder, control: Control, emit: Callable[[Event], None]) -> None:
        self.epoch = 0  # the last epoch in the log
        self._folder = folder
        self._control = control
        self._emit = emit
        self._epochs = 0  # planned
        self._data_fingerprint = ""  # as the log of a resumed run has it
        self._state: RunState = "starting"
        self._kept: Checkpoint | None = None  # of the last whole epoch
        self._is_saved = True
        self._saved_at = -math.inf  # so that the first epoch is saved at once
        self._repeated = 0  # epochs that the log had before this training began

    def train(
        self, places: Places, make_training: MakeTraining, num_threads: int, *, resume: bool
    ) -> None:
        self._folder.reserve()
        record = self._record()
        checkpoint = self._folder.load_checkpoint() if resume else None
        if resume:
            self.epoch = checkpoint.values["epoch"] if checkpoint else 0
            self._folder.truncate_to(self.epoch)
        self._set_state("starting")
        config = record.config
        if checkpoint is not None and record.resolved is not None:
            self._kept = checkpoint
            self._saved_at = time.monotonic()
            self._data_fingerprint = record.resolved.data_fingerprint
            config, num_threads = as_resolved(record.config, record.resolved)
        training = make_training(Setup(config, self._control, places, checkpoint, num_threads))
        for item in training:
            self.take(item, training.state_arrays)

    def _record(self) -> RunRecord:
        record = self._folder.record()
        self._epochs = record.config.training.epochs
        return record

    def go_on(self, checkpoint: Checkpoint | None) -> None:
        """Keep the whole epochs that the log has, and let what they repeat pass.

        Args:
            checkpoint: Where the training goes on; None: it begins again.
        """
        self._kept = checkpoint
        self._folder.reserve()
        record = self._record()
        epochs = [event.epoch for event in self._folder.events() if isinstance(event, EpochDone)]
        self.epoch = self._repeated = max(epochs, default=0)
        self._folder.truncate_to(self.epoch)
        if record.resolved is not None:
            self._data_fingerprint = record.resolved.data_fingerprint
        self._set_state("starting")

    def take(
        self, item: Event | Panel | Frame | StepTrace, state_arrays: Callable[[], Checkpoint]
    ) -> None:
        """Write what a training has yielded, and a checkpoint when it is time.

        Args:
            item: What it has yielded.
            state_arrays: Returns its state after its last `EpochDone`.
        """
        if not isinstance(item, RunStarted | Panel) and _epoch_of(item) <= self._repeated:
            if isinstance(item, EpochDone) and item.epoch == self._repeated:
                self._kept, self._is_saved = state_arrays(), False  # it may be the last one
            return
        if self._data_fingerprint and isinstance(item, RunStarted | Panel):
            self._check_resumed(item)
            return
        self._folder.append(item)
        if isinstance(item, Panel | Frame | StepTrace):
            return
        if isinstance(item, RunStarted):
            self._folder.write_resolved(item)
            self._set_state("running")
        elif isinstance(item, EpochDone):
            self.epoch = item.epoch
            self._set_state(self._state)
        elif isinstance(item, ControlChanged) and item.control in {"paused", "resumed"}:
            self._set_state("paused" if item.control == "paused" else "running")
        self._emit(item)  # before the checkpoint, for which no viewer need wait
        if isinstance(item, EpochDone):
            self._kept, self._is_saved = state_arrays(), False
        is_due = time.monotonic() - self._saved_at >= CHECKPOINT_EVERY_S
        if is_due or self._state == "paused":
            self._save()

    def _check_resumed(self, item: RunStarted | Panel) -> None:
        """Check that a resumed run starts as its log says; neither is written again."""
        if isinstance(item, Panel):
            return
        if item.data_fingerprint != self._data_fingerprint:
            raise ValueError(
                "The data set is not the one that this run began with "
                f"(fingerprint {item.data_fingerprint}, it was {self._data_fingerprint}): "
                "start a new run."
            )
        self._set_state("running")
        self._emit(item)

    def end(self, *, is_abandoned: bool) -> Outcome:
        """Save what is not saved yet, write how the training ended, and return that."""
        self._save()
        if self.epoch >= self._epochs:
            self._save_student()
            outcome = Outcome("finished")
        elif is_abandoned:
            outcome = Outcome("interrupted", "The server ended while this run trained.")
        else:
            outcome = Outcome("stopped")
        self._folder.release_reserve()
        self._set_state(*outcome)
        return outcome

    def fail(self, error: Exception) -> Outcome:
        """Write that the training failed, as far as that is possible, and return that."""
        log.error("run %s failed", self._folder.run_id, exc_info=error)
        failed = RunFailed(reason=reason_for(error))
        details = "".join(traceback.format_exception(error))
        write_failure(self._folder, failed, self.epoch, details)
        self._emit(failed)
        return Outcome("failed", failed.reason)

    def _set_state(self, state: RunState, reason: str = "") -> None:
        self._state = state
        self._folder.write_status(state, reason, epoch=self.epoch, epochs=self._epochs)

    def _save(self) -> None:
        # Half an epoch cannot be saved: a stopped run goes on after its last whole one.
        if self._kept is not None and not self._is_saved:
            self._folder.save_checkpoint(*self._kept)
            self._is_saved = True
            self._saved_at = time.monotonic()

    def _save_student(self) -> None:
        if self._kept is None:
            return
        student = {
            name.removeprefix("student."): value
            for name, value in self._kept.tensors.items()
            if name.startswith("student.")
        }
        record = self._folder.record()
        metadata = {
            "run": record.id,
            "model": record.config.models.student,
            "dataset": record.config.data.dataset,
        }
        self._folder.save_student(student, metadata)


def _epoch_of(item: Event | Panel | Frame | StepTrace) -> float:
    """Return the epoch that an item belongs to; what belongs to none is never repeated."""
    if isinstance(item, EpochDone | Frame | StepTrace | StepDone | ControlChanged):
        return item.epoch
    return math.inf


def as_resolved(config: RunConfig, resolved: RunStarted) -> tuple[RunConfig, int]:
    """Return config and threads as they were at Start: with others the numbers would differ."""
    values = {
        "device": resolved.device,
        "precision": resolved.precision,
        "memory_format": resolved.memory_format,
        "compile_teacher": resolved.is_compiled,
    }
    if resolved.estimator:
        values["estimator"] = resolved.estimator
    return config.changed(**values), resolved.num_threads


def reason_for(error: Exception) -> str:
    """Return why a training failed, in one sentence for people."""
    name, text = type(error).__name__, str(error)
    if isinstance(error, MemoryError) or name == "OutOfMemoryError" or "can't allocate" in text:
        return "There was not enough memory: a smaller batch_size or student is the usual cure."
    is_ours = type(error).__module__.split(".")[0] == __name__.split(".")[0]
    if text and (is_ours or isinstance(error, ValueError)):
        return text
    return f"{name}: {text}" if text else name


def write_failure(folder: RunFolder, failed: RunFailed, epoch: int, details: str) -> None:
    """Write that a run failed after `epoch`, as far as the folder can still be written.

    `details` goes to `traceback.txt`.
    """

    def write_log() -> None:
        folder.mend_log()
        folder.append(failed)

    def write_details() -> None:
        with writing(folder.path):
            replace_text(folder.path / "traceback.txt", details)

    def write_status() -> None:
        epochs = folder.record().config.training.epochs
        folder.write_status("failed", failed.reason, epoch=epoch, epochs=epochs)

    # The most important first: the disk may be full, and what was reserved is all that is left.
    for write in (folder.release_reserve, write_status, write_details, write_log):
        try:
            write()
        except StoreError:  # a full disk may have room for the next one
            log.exception("the failure of run %s could not be written in full", folder.run_id)
