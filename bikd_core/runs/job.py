"""A run that is queued or trains, and the way from a click to its training."""

from __future__ import annotations

import threading
from collections.abc import Callable

from filelock import BaseFileLock

from bikd_core.control import Control
from bikd_core.events import RunFailed
from bikd_core.places import Places
from bikd_core.runs.child import Child
from bikd_core.runs.history import History
from bikd_core.store import RunFolder
from bikd_core.worker import pipe
from bikd_core.worker.process import load_training
from bikd_core.worker.recording import Outcome, record, write_failure

STOP_GRACE_S = 10.0  # for the current step or evaluation, and for the checkpoint
SHUTDOWN_GRACE_S = 3.0


class Job:
    """One run in the queue or in training. Any thread may call `send` and `abandon`."""

    def __init__(
        self, folder: RunFolder, history: History, lock: BaseFileLock, *, is_resumed: bool
    ) -> None:
        self.folder = folder
        self.history = history
        self._folder_lock = lock  # held from the queue on, until the training takes it
        self._is_resumed = is_resumed
        self._guard = threading.Lock()  # guards all below
        self._pending: list[pipe.Steering] = []  # sent before there was a training
        self._deliver: Callable[[pipe.Steering], None] | None = None
        self._child: Child | None = None
        self._is_stopping = False
        self._is_abandoned = threading.Event()
        self.is_over = threading.Event()  # its thread has released everything

    @property
    def run_id(self) -> str:
        return self.folder.run_id

    def write_state(self, outcome: Outcome) -> None:
        """Write a state of the queue, or of the time before training; only with the lock held."""
        status = self.folder.status()
        self.folder.write_status(*outcome, epoch=status.epoch, epochs=status.epochs)
        self.history.refresh(is_ours=True)

    def release(self) -> None:
        """Release the folder, so that somebody else may train it."""
        self._folder_lock.release()

    # Steering

    def send(self, command: pipe.Steering) -> None:
        """Pass a command on, or keep it until the training has begun; return at once."""
        with self._guard:
            if self._deliver is None:
                self._pending.append(command)
            else:
                self._pass_on(command)

    def _attach(self, deliver: Callable[[pipe.Steering], None]) -> None:
        with self._guard:
            self._deliver = deliver
            for command in self._pending:
                self._pass_on(command)

    def _pass_on(self, command: pipe.Steering) -> None:
        assert self._deliver is not None
        self._deliver(command)
        if isinstance(command, pipe.Stop) and not self._is_stopping:
            self._is_stopping = True
            self._end_child_within(STOP_GRACE_S)

    def _end_child_within(self, grace_s: float) -> None:
        if self._child is not None:
            threading.Thread(target=self._child.end_within, args=(grace_s,), daemon=True).start()

    def abandon(self) -> None:
        """Ask the training to save and to end because the server ends; return at once."""
        self._is_abandoned.set()
        with self._guard:
            child = self._child
            if child is not None:
                child.close_input()
                self._end_child_within(SHUTDOWN_GRACE_S)
        if child is None:
            self.send(pipe.Stop())

    # Training; called from the run's background thread

    def train_in_child(
        self, child: Child, places: Places, num_threads: int, on_epoch: Callable[[], None]
    ) -> Outcome:
        """Give the run to a child and follow it to its end."""
        self.release()
        with self._guard:
            if self._is_abandoned.is_set():
                return Outcome("interrupted")
            self._child = child
        child.send(
            pipe.Start(
                folder=self.folder.path.absolute(),
                places=places.absolute(),
                resume=self._is_resumed,
                num_threads=num_threads,
            )
        )
        self._attach(child.send)
        for reply in child.replies():
            self.history.refresh(is_ours=True)
            if isinstance(reply, pipe.Ended):
                return Outcome(reply.state, reply.reason)
            if isinstance(reply, pipe.Written) and reply.is_epoch:
                on_epoch()
        return self._outcome_of_dead(child)

    def _outcome_of_dead(self, child: Child) -> Outcome:
        """Write and return the outcome of a child that ended without telling one."""
        reason = child.failure_reason()
        if self._is_abandoned.is_set():
            outcome = Outcome("interrupted", "The server ended while this run trained.")
            self.write_state(outcome)
        elif self._is_stopping and child.was_terminated:
            reason = f"It did not end within {STOP_GRACE_S:g} s and was terminated."
            outcome = Outcome("stopped", reason)
            self.write_state(outcome)
        else:
            outcome = Outcome("failed", reason)
            epoch = len(self.history.snapshot().epochs)
            write_failure(self.folder, RunFailed(reason=reason), epoch, f"{reason}\n")
        return outcome

    def train_here(self, places: Places, num_threads: int) -> Outcome:
        """Train in the calling thread."""
        self.release()
        control = Control()
        self._attach(lambda command: pipe.steer(control, command))
        return record(
            self.folder,
            places,
            control,
            load_training(),
            num_threads=num_threads,
            resume=self._is_resumed,
            emit=lambda event: self.history.refresh(is_ours=True),
            is_abandoned=self._is_abandoned.is_set,
        )
