"""The runs of one server: a queue, a background thread for each active run, a warm child."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, get_args

from bikd_core.config import RunConfig
from bikd_core.control import Control, StepLevel
from bikd_core.data.possible import check_possible
from bikd_core.places import Places
from bikd_core.runs.child import WORKER, Child
from bikd_core.runs.cost import Costs
from bikd_core.runs.estimate import seconds_of_run
from bikd_core.runs.history import BrokenRun, Histories, Snapshot
from bikd_core.runs.job import SHUTDOWN_GRACE_S, Job
from bikd_core.runs.spare import Spare
from bikd_core.store import RunFolder, StoreError, create_run, open_run
from bikd_core.store.archive import import_run
from bikd_core.worker import pipe
from bikd_core.worker.recording import Outcome

log = logging.getLogger(__name__)

_LOCK_TIMEOUT_S = 0.2  # another process may be testing whether the folder is held
_SETTLE_TIMEOUT_S = 1.0


class RunError(ValueError):
    """A run cannot do that now; the message is one sentence."""


class RunManager:
    """Starts, steers and lists the runs of one machine. Any thread may call any public method.

    Nothing here waits for a training: the effect of a call shows in the run's next snapshots.
    """

    def __init__(
        self,
        places: Places,
        *,
        max_training: int = 1,
        in_process: bool = False,
        worker: Sequence[str] = WORKER,
        warm_up_delay_s: float = 0.0,
    ) -> None:
        """Take over a folder of runs.

        Args:
            places: Where runs, teachers and data sets lie.
            max_training: Runs that train at the same time, at least 1; the others queue.
            in_process: Train in the background thread itself instead of a child process: the
                pages are slower, but a debugger can follow.
            worker: The command of the child process.
            warm_up_delay_s: When to start the first child: importing torch takes seconds of a
                core, which the first page needs.
        """
        if max_training < 1:
            raise ValueError(
                f"max_training = {max_training!r} is not possible: it must be at least 1."
            )
        self.places = places
        self._max_training = max_training
        self._in_process = in_process
        self._num_threads = max(1, (_cores() - 1) // max_training)  # one core is the page's
        self._spare = Spare(worker, self._num_threads)
        self._histories = Histories(places.runs, self._is_ours)
        self._lock = threading.RLock()  # guards all below
        self._queue: list[Job] = []
        self._active: dict[str, Job] = {}
        self._threads: list[threading.Thread] = []
        self._is_shut_down = False
        self.costs = Costs(self._spare, self._num_threads, self.is_idle)
        if warm_up_delay_s:
            first_spare = threading.Timer(warm_up_delay_s, self._warm_up_if_idle)
            first_spare.daemon = True
            first_spare.start()
        else:
            self._warm_up()

    # Starting -----------------------------------------------------------------------------------

    def start(self, config: RunConfig, name: str = "") -> str:
        """Queue a new run, or train it at once if nothing trains; return its id.

        Raises:
            ConfigError: The split is impossible, or a model does not take the data set's images.
            StoreError: The run's folder cannot be written.
        """
        check_possible(config)
        folder = create_run(self.places.runs, config, name)
        self._enqueue(folder, is_resumed=False)
        return folder.run_id

    def resume_from_checkpoint(self, run_id: str) -> None:
        """Queue a run that ended early, to go on after its checkpoint or else to begin again.

        Raises:
            UnknownRun: There is no such run.
            RunError: It trains, waits or is finished.
            StoreError: Its folder cannot be read or written.
        """
        self._wait_until_released(run_id)
        snapshot = self.snapshot(run_id)
        if not snapshot.can_resume:
            raise RunError(f"The run {snapshot.name!r} is {snapshot.state}: nothing to resume.")
        self._enqueue(snapshot.folder, is_resumed=True)

    def _enqueue(self, folder: RunFolder, *, is_resumed: bool) -> None:
        with self._lock:
            if self._is_shut_down:
                raise RunError("The server is shutting down: it starts no runs.")
            if folder.run_id in self._job_ids():
                raise RunError(f"The run {folder.run_id} trains or waits already.")
            lock = folder.hold(_LOCK_TIMEOUT_S).lock
            try:
                job = Job(folder, self._histories.of(folder), lock, is_resumed=is_resumed)
                job.write_state(Outcome("queued"))
            except StoreError:
                lock.release()
                raise
            self._queue.append(job)
            self._dispatch()

    def _dispatch(self) -> None:
        with self._lock:
            while self._queue and len(self._active) < self._max_training:
                job = self._queue.pop(0)
                job.history.set_queue_position(None)
                self._active[job.run_id] = job
                thread = threading.Thread(
                    target=self._drive, args=(job,), name=f"run {job.run_id}", daemon=True
                )
                self._threads = [old for old in self._threads if old.is_alive()] + [thread]
                thread.start()
            for position, job in enumerate(self._queue, 1):
                job.history.set_queue_position(position)

    # Steering -----------------------------------------------------------------------------------

    def pause(self, run_id: str) -> None:
        """Pause a run after its current step; a queued one will begin paused.

        Raises:
            UnknownRun: There is no such run.
            RunError: Another process trains it. All methods that steer raise these two; they do
                nothing to a run that has ended, since a click may come late.
        """
        self._send(run_id, pipe.Pause())

    def resume(self, run_id: str) -> None:
        """Resume a paused run."""
        self._send(run_id, pipe.Resume())

    def step(self, run_id: str, level: StepLevel) -> None:
        """Train to the next end of a student step, a weight-net step or an epoch, then pause."""
        if level not in get_args(StepLevel):
            levels = ", ".join(get_args(StepLevel))
            raise ValueError(f"level = {level!r} is not possible: it must be one of {levels}.")
        self._send(run_id, pipe.Step(level=level))

    def set_learning_rate(self, run_id: str, value: float) -> None:
        """Replace the base learning rate, before its decay, from the next step on.

        Raises:
            ValueError: It is not a number above 0 and at most 10.
        """
        Control().set_learning_rate(value)  # refuses here what the child would have to refuse
        self._send(run_id, pipe.SetLearningRate(value=value))

    def set_speed(self, run_id: str, epochs_per_second: float | None) -> None:
        """Limit the speed of a run; None removes the limit.

        Raises:
            ValueError: It is not a number from 0.01 to 100.
        """
        Control().set_speed(epochs_per_second)
        self._send(run_id, pipe.SetSpeed(value=epochs_per_second))

    def stop(self, run_id: str) -> None:
        """End a run after its current step, with a checkpoint; take a queued one out."""
        with self._lock:
            job = next((job for job in self._queue if job.run_id == run_id), None)
            if job is not None:
                self._queue.remove(job)
                job.history.set_queue_position(None)
                job.write_state(Outcome("stopped"))
                job.release()
                self._dispatch()
                return
        self._send(run_id, pipe.Stop())

    def _send(self, run_id: str, command: pipe.Steering) -> None:
        with self._lock:
            waiting = {job.run_id: job for job in self._queue}
            job = (waiting | self._active).get(run_id)
        if job is not None:
            job.send(command)
        elif not self.snapshot(run_id).has_ended:
            raise RunError(f"Another process trains the run {run_id}; it can be steered there.")

    # Following ----------------------------------------------------------------------------------

    def snapshot(self, run_id: str) -> Snapshot:
        """Return a run's present state, and all that it has yielded. The id may be anything.

        Raises:
            UnknownRun: There is no such run.
            CorruptRunError: `run.json` or `status.json` is broken. If the log is, the snapshot's
                reason says so.
        """
        return self._histories.snapshot(run_id)

    def list(self) -> tuple[Snapshot, ...]:
        """Return all runs of the folder that can be read, newest first."""
        return self._histories.list()[0]

    def broken(self) -> tuple[BrokenRun, ...]:
        """Return the runs of the folder whose files cannot be read, and why."""
        return self._histories.list()[1]

    def estimate(self, config: RunConfig) -> float | None:
        """Return the seconds that a run would take, including the training of a missing teacher.

        They follow from the last run of its kind, else from a few steps that the spare child times
        unless something trains. None while they are not known: ask again in a second or two.

        Raises:
            ConfigError: The split is impossible, or a model does not take the data set's images.
        """
        check_possible(config)
        can_time = self.is_idle() and not self._in_process
        speeds_of = self._spare.measure if can_time else self._spare.known_speeds
        folders = self.places.teacher_folders()
        return seconds_of_run(config, self.list(), folders, lambda: speeds_of(config))

    def is_idle(self) -> bool:
        """Return whether no run of this server trains or waits."""
        with self._lock:
            return not self._job_ids()

    def _job_ids(self) -> set[str]:
        return {*self._active, *(job.run_id for job in self._queue)}

    def _is_ours(self, run_id: str) -> bool:
        with self._lock:
            return run_id in self._job_ids()

    def _wait_until_released(self, run_id: str) -> None:
        """Wait out the moment between the end of a run and the end of its thread."""
        with self._lock:
            job = self._active.get(run_id)
        if job is not None and job.history.snapshot().has_ended:
            job.is_over.wait(_SETTLE_TIMEOUT_S)

    def open_recorded(self, source: Path | BinaryIO) -> str:
        """Import an exported run, unless it is in the list already; return its id.

        Raises:
            CorruptRunError: The file is not the zip of a run.
            StoreError: The runs' folder cannot be written.
        """
        return import_run(source, self.places.runs).run_id

    # Renaming, deleting, ending -------------------------------------------------------------------

    def rename(self, run_id: str, name: str) -> None:
        """Change the name under which people see a run.

        Raises:
            UnknownRun: There is no such run.
            StoreError: The name is longer than 200 characters, or cannot be written.
        """
        folder = open_run(self.places.runs, run_id)
        folder.rename(name)
        self._histories.of(folder).refresh(is_ours=self._is_ours(run_id))

    def delete(self, run_id: str) -> None:
        """Remove a run from the disk.

        Raises:
            UnknownRun: There is no such run.
            RunError: It trains or waits.
            StoreError: It cannot be removed.
        """
        folder = open_run(self.places.runs, run_id)
        self._wait_until_released(run_id)
        with self._lock:
            if run_id in self._job_ids() or folder.is_held():
                raise RunError(f"The run {run_id} trains or waits: stop it first.")
            folder.delete()
            self._histories.forget(run_id)

    def shutdown(self) -> None:
        """End all children, with checkpoints: their runs are interrupted. Takes a few seconds."""
        with self._lock:
            self._is_shut_down = True
            jobs, waiting = list(self._active.values()), self._queue
            self._queue = []
            threads = self._threads
        for job in waiting:
            job.history.set_queue_position(None)
            job.release()
        for job in jobs:
            job.abandon()
        self.costs.shutdown()
        self._spare.shutdown()
        for thread in threads:
            thread.join()

    # The background thread of an active run -----------------------------------------------------

    def _drive(self, job: Job) -> None:
        child: Child | None = None
        try:
            job.write_state(Outcome("starting"))
            if self._in_process:
                outcome = job.train_here(self.places, self._num_threads)
            else:
                child = self._spare.take()
                outcome = job.train_in_child(
                    child, self.places, self._num_threads, on_epoch=self._warm_up
                )
            job.history.refresh(is_ours=True)
            if job.folder.status().state != outcome.state:
                job.history.override(*outcome)  # the folder could not be written
        except Exception as error:  # a thread that dies in silence leaves its viewers waiting
            log.exception("run %s failed", job.run_id)
            job.history.override("failed", str(error))
        finally:
            job.release()
            with self._lock:
                del self._active[job.run_id]
            job.is_over.set()
            self._dispatch()
            self._warm_up()
            if child is not None:
                child.close(SHUTDOWN_GRACE_S)

    def _warm_up(self) -> None:
        """Keep a warm child ready for the next run.

        Called after a run's first epoch, and when it has ended. Importing torch takes two seconds
        of a core: earlier, it would delay that run's first chart; later, the next run's start.
        """
        if not self._in_process:
            self._spare.keep()

    def _warm_up_if_idle(self) -> None:
        if self.is_idle():  # else a run was started meanwhile, and does it after its first epoch
            self._warm_up()


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
