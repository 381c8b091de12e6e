"""A run that is queued or trains, or runs that train together, and the way to their training."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from filelock import BaseFileLock

from bikd_core.config import allowed_code
from bikd_core.control import Control
from bikd_core.events import RunFailed
from bikd_core.places import Places
from bikd_core.runs.child import Child
from bikd_core.runs.history import History, Snapshot
from bikd_core.store import ENDED, RunFolder, RunState
from bikd_core.worker import pipe
from bikd_core.worker.process import load_together, load_training
from bikd_core.worker.recording import Outcome, record, write_failure
from bikd_core.worker.together import companions, record_together

STOP_GRACE_S = 10.0  # for the current step or evaluation, and for the checkpoint
SHUTDOWN_GRACE_S = 3.0


class Held(NamedTuple):
    """A run of a job, whose folder this server holds from the queue on."""

    folder: RunFolder
    history: History
    lock: BaseFileLock  # until the training takes it

    def write_state(self, outcome: Outcome) -> None:
        """Write a state of the queue, or of the time before or after training."""
        status = self.folder.status()
        self.folder.write_status(*outcome, epoch=status.epoch, epochs=status.epochs)
        self.history.refresh(is_ours=True)


class Job:
    """A run in the queue or in training, or runs that train together.

    Any thread may call `send` and `abandon`.
    """

    def __init__(self, runs: Sequence[Held], *, is_resumed: bool) -> None:
        self.runs = list(runs)
        self._stopped: set[str] = set()  # of several runs, those that end alone
        self._is_resumed = is_resumed
        self._guard = threading.Lock()  # guards all below
        self._pending: list[pipe.Steering] = []  # sent before there was a training
        self._deliver: Callable[[pipe.Steering], None] | None = None
        self._child: Child | None = None
        self._is_stopping = False
        self._is_abandoned = threading.Event()
        self.is_over = threading.Event()  # its thread has released everything

    @property
    def run_ids(self) -> list[str]:
        """The ids of its runs."""
        return [run.folder.run_id for run in self.runs]

    def write_state(self, outcome: Outcome) -> None:
        """Write a state of the queue, or of the time before training; only with the locks held."""
        for run in self.runs:
            run.write_state(outcome)

    def refresh(self) -> None:
        """Read what is new in the runs' folders."""
        for run in self.runs:
            run.history.refresh(is_ours=True)

    def set_queue_position(self, position: int | None) -> None:
        """Set where in the queue its runs wait; None if they do not."""
        for run in self.runs:
            run.history.set_queue_position(position)

    def settle(self, outcome: Outcome) -> None:
        """Show how the first run ended where its folder could not be written."""
        self.refresh()
        if self.runs[0].folder.status().state != outcome.state:
            self.runs[0].history.override(*outcome)

    def override(self, state: RunState, reason: str) -> None:
        """Show a state that could not be written to the folders."""
        for run in self.runs:
            run.history.override(state, reason)

    def take_out(self, run_id: str) -> None:
        """Stop a run that waits in the queue; the others of the job stay."""
        run = self.runs.pop(self.run_ids.index(run_id))
        run.history.set_queue_position(None)
        run.write_state(Outcome("stopped"))
        run.lock.release()

    def release(self) -> None:
        """Release the folders, so that somebody else may train them."""
        for run in self.runs:
            run.lock.release()

    def stop(self, run_id: str) -> None:
        """End one of its runs; return at once. The last one to end ends the training."""
        self._stopped.add(run_id)
        is_last = self._stopped >= set(self.run_ids)
        self.send(pipe.Stop() if is_last else pipe.Stop(run_id=run_id))

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
        ends_all = isinstance(command, pipe.Stop) and not command.run_id
        if ends_all and not self._is_stopping:
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
                folder=self.runs[0].folder.path.absolute(),
                others=tuple(run.folder.path.absolute() for run in self.runs[1:]),
                places=places.absolute(),
                resume=self._is_resumed,
                num_threads=num_threads,
                code=allowed_code(),
            )
        )
        self._attach(child.send)
        for reply in child.replies():
            self.refresh()
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
            self._write_unended(outcome)
        elif self._is_stopping and child.was_terminated:
            reason = f"It did not end within {STOP_GRACE_S:g} s and was terminated."
            outcome = Outcome("stopped", reason)
            self._write_unended(outcome)
        else:
            outcome = Outcome("failed", reason)
            for run in self._unended():
                epoch = len(run.history.snapshot().epochs)
                write_failure(run.folder, RunFailed(reason=reason), epoch, f"{reason}\n")
        return outcome

    def _unended(self) -> list[Held]:
        return [run for run in self.runs if run.folder.status().state not in ENDED]

    def _write_unended(self, outcome: Outcome) -> None:
        for run in self._unended():
            run.write_state(outcome)

    def train_here(self, places: Places, num_threads: int) -> Outcome:
        """Train in the calling thread."""
        self.release()
        control = Control()
        self._attach(lambda command: pipe.steer(control, command))
        if self.runs[0].folder.record().together:
            outcomes = record_together(
                [run.folder for run in self.runs],
                places,
                control,
                load_together(),
                num_threads=num_threads,
                resume=self._is_resumed,
                emit=lambda event: self.refresh(),
                is_stopped=self._stopped.__contains__,
                is_abandoned=self._is_abandoned.is_set,
            )
            return outcomes[self.run_ids[0]]
        return record(
            self.runs[0].folder,
            places,
            control,
            load_training(),
            num_threads=num_threads,
            resume=self._is_resumed,
            emit=lambda event: self.refresh(),
            is_abandoned=self._is_abandoned.is_set,
        )


def going_on_with(folder: RunFolder, snapshot: Callable[[str], Snapshot]) -> list[RunFolder]:
    """Return a run and those of the runs it trains with that can go on, in their order.

    Raises:
        StoreError: One of those it trains with is missing.
    """
    whole = companions(folder)
    found = {one.run_id: snapshot(one.run_id) for one in whole}
    able = {run_id for run_id, run in found.items() if run.can_resume and not run.diverged}
    return [one for one in whole if one.run_id in able | {folder.run_id}]
