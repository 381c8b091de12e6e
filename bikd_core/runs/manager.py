"""The runs of one server: a queue, a background thread for each active run, a warm spare."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, get_args

from bikd_core.config import RunConfig
from bikd_core.control import Control, StepLevel
from bikd_core.data.possible import check_possible
from bikd_core.places import Places
from bikd_core.runs.child import WORKER, Child
from bikd_core.runs.estimate import seconds_of_run
from bikd_core.runs.history import History, Snapshot
from bikd_core.runs.job import SHUTDOWN_GRACE_S, Job
from bikd_core.runs.spare import Spare
from bikd_core.store import (
    CorruptRunError,
    RunFolder,
    StoreError,
    UnknownRun,
    create_run,
    open_run,
    run_ids,
)
from bikd_core.store.archive import import_run
from bikd_core.worker.recording import Outcome

log = logging.getLogger(__name__)

_LOCK_TIMEOUT_S = 0.2  # somebody may be looking whether the folder is held
_SETTLE_TIMEOUT_S = 1.0


class RunError(ValueError):
    """A run cannot do what is asked of it now; the message is one sentence."""


class RunManager:
    """Starts, steers and lists the runs of one machine. Any thread may call any public method.

    Nothing here waits for a training: what is asked of a run shows in its next snapshots.
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
            max_training: Runs that train at one time, at least 1; the others queue.
            in_process: Train in the background thread itself instead of a child process: the
                pages are slower, but a debugger can follow.
            worker: The command of the child process.
            warm_up_delay_s: Until the first child warms up: to import torch takes seconds of a
                core, which a page that is painted for the first time needs.
        """
        if max_training < 1:
            raise ValueError(f"max_training = {max_training!r} is not possible: at least 1.")
        self.places = places
        self._max_training = max_training
        self._in_process = in_process
        self._num_threads = max(1, (_cores() - 1) // max_training)  # one core is the page's
        self._spare = Spare(worker, self._num_threads)
        self._lock = threading.RLock()  # guards all below
        self._queue: list[Job] = []
        self._active: dict[str, Job] = {}
        self._histories: dict[str, History] = {}
        self._threads: list[threading.Thread] = []
        self._is_shut_down = False
        if warm_up_delay_s:
            first_spare = threading.Timer(warm_up_delay_s, self._warm_up_if_idle)
            first_spare.daemon = True
            first_spare.start()
        else:
            self._warm_up()

    # Starting -----------------------------------------------------------------------------------

    def start(self, config: RunConfig, name: str = "") -> str:
        """Queue a new run, or train it at once if nothing trains; returns its id.

        Raises:
            ConfigError: The data set cannot be cut as asked, or a model does not take its images.
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
        self._let_it_settle(run_id)
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
                job = Job(folder, self._history_of(folder), lock, is_resumed=is_resumed)
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
                job.history.place(None)
                self._active[job.run_id] = job
                thread = threading.Thread(
                    target=self._drive, args=(job,), name=f"run {job.run_id}", daemon=True
                )
                self._threads = [old for old in self._threads if old.is_alive()] + [thread]
                thread.start()
            for position, job in enumerate(self._queue, 1):
                job.history.place(position)

    # Steering -----------------------------------------------------------------------------------

    def pause(self, run_id: str) -> None:
        """Pause a run after its current step; a queued one will begin paused.

        Raises:
            UnknownRun: There is no such run.
            RunError: Another process trains it. Both as in the other methods that steer; they do
                nothing to a run that has ended, since a click may come late.
        """
        self._send(run_id, {"command": "pause"})

    def resume(self, run_id: str) -> None:
        """Let a paused run go on."""
        self._send(run_id, {"command": "resume"})

    def step(self, run_id: str, level: StepLevel) -> None:
        """Train to the next end of a student step, a weight-net step or an epoch, then pause."""
        if level not in get_args(StepLevel):
            raise ValueError(
                f"level = {level!r} is not possible: one of {', '.join(get_args(StepLevel))}."
            )
        self._send(run_id, {"command": "step", "level": level})

    def set_learning_rate(self, run_id: str, value: float) -> None:
        """Replace the base learning rate, before its decay, from the next step on.

        Raises:
            ValueError: It is not a number above 0 and at most 10.
        """
        Control().set_learning_rate(value)  # refuses here what the child would have to refuse
        self._send(run_id, {"command": "learning_rate", "value": value})

    def set_speed(self, run_id: str, epochs_per_second: float | None) -> None:
        """Let a run train no faster than this; None: as fast as it can.

        Raises:
            ValueError: It is not a number from 0.01 to 100.
        """
        Control().set_speed(epochs_per_second)
        self._send(run_id, {"command": "speed", "value": epochs_per_second})

    def stop(self, run_id: str) -> None:
        """End a run after its current step, with a checkpoint; take a queued one out."""
        with self._lock:
            job = next((job for job in self._queue if job.run_id == run_id), None)
            if job is not None:
                self._queue.remove(job)
                job.history.place(None)
                job.write_state(Outcome("stopped"))
                job.let_go()
                self._dispatch()
                return
        self._send(run_id, {"command": "stop"})

    def _send(self, run_id: str, command: dict[str, Any]) -> None:
        with self._lock:
            waiting = {job.run_id: job for job in self._queue}
            job = (waiting | self._active).get(run_id)
        if job is not None:
            job.send(command)
        elif not self.snapshot(run_id).has_ended:
            raise RunError(f"Another process trains the run {run_id}; it can be steered there.")

    # Following ----------------------------------------------------------------------------------

    def snapshot(self, run_id: str) -> Snapshot:
        """How a run stands, and all that it has yielded. The id may be junk from a URL.

        Raises:
            UnknownRun: There is no such run.
            CorruptRunError: What it was asked, or how it stands, cannot be read. A damaged log
                is told in the snapshot's reason.
        """
        folder = open_run(self.places.runs, run_id)
        with self._lock:
            is_ours = run_id in self._job_ids()
            history = self._history_of(folder)
        if not is_ours:
            history.refresh()
        return history.snapshot()

    def list(self) -> tuple[Snapshot, ...]:
        """All runs of the folder, newest first. Damaged ones are logged and left out."""
        snapshots = []
        for run_id in run_ids(self.places.runs):
            try:
                snapshots.append(self.snapshot(run_id))
            except (CorruptRunError, UnknownRun) as error:
                log.warning("left out of the list of runs: %s", error)
        return tuple(sorted(snapshots, key=lambda run: (run.created, run.run_id), reverse=True))

    def estimate(self, config: RunConfig) -> float | None:
        """Seconds that a run would take, the training of a teacher that it lacks included.

        Told from the last run like it, else from a few steps that the spare child times
        meanwhile, unless something trains: then None for now, so ask again in a second or two.

        Raises:
            ConfigError: The data set cannot be cut as asked, or a model does not take its images.
        """
        check_possible(config)
        with self._lock:
            is_idle = not self._job_ids() and not self._in_process
        ask = self._spare.measure if is_idle else self._spare.known_speeds
        folders = self.places.teacher_folders()
        return seconds_of_run(config, self.list(), folders, lambda: ask(config))

    def _history_of(self, folder: RunFolder) -> History:
        with self._lock:
            if folder.run_id not in self._histories:
                self._histories[folder.run_id] = History(folder)
            return self._histories[folder.run_id]

    def _job_ids(self) -> set[str]:
        return {*self._active, *(job.run_id for job in self._queue)}

    def _let_it_settle(self, run_id: str) -> None:
        """A run shows that it has ended a moment before its thread has let go of it."""
        with self._lock:
            job = self._active.get(run_id)
        if job is not None and job.history.snapshot().has_ended:
            job.is_over.wait(_SETTLE_TIMEOUT_S)

    def open_recorded(self, source: Path | BinaryIO) -> str:
        """Put an exported run among the others, unless it is there; returns its id.

        Raises:
            CorruptRunError: The file is not the zip of a run.
            StoreError: The runs' folder cannot be written.
        """
        return import_run(source, self.places.runs).run_id

    # Keeping house ------------------------------------------------------------------------------

    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name for people.

        Raises:
            UnknownRun: There is no such run.
            StoreError: The name is longer than 200 characters, or cannot be written.
        """
        open_run(self.places.runs, run_id).rename(name)
        with self._lock:
            is_ours = run_id in self._job_ids()
        self._history_of(open_run(self.places.runs, run_id)).refresh(is_ours=is_ours)

    def delete(self, run_id: str) -> None:
        """Remove a run from the disk.

        Raises:
            UnknownRun: There is no such run.
            RunError: It trains or waits.
            StoreError: It cannot be removed.
        """
        folder = open_run(self.places.runs, run_id)
        self._let_it_settle(run_id)
        with self._lock:
            if run_id in self._job_ids() or folder.is_held():
                raise RunError(f"The run {run_id} trains or waits: stop it first.")
            folder.delete()
            self._histories.pop(run_id, None)

    def shutdown(self) -> None:
        """End all children, with checkpoints: their runs are interrupted. Takes a few seconds."""
        with self._lock:
            self._is_shut_down = True
            jobs, waiting = list(self._active.values()), self._queue
            self._queue = []
            threads = self._threads
        for job in waiting:
            job.history.place(None)
            job.let_go()
        for job in jobs:
            job.abandon()
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
        except Exception as error:  # a thread that dies unheard leaves its viewers waiting
            log.exception("run %s failed", job.run_id)
            job.history.override("failed", str(error))
        finally:
            job.let_go()
            with self._lock:
                del self._active[job.run_id]
            job.is_over.set()
            self._dispatch()
            self._warm_up()
            if child is not None:
                child.close(SHUTDOWN_GRACE_S)

    def _warm_up(self) -> None:
        """Have a warm child wait for the next run.

        Called when a run has reported its first epoch, and when it has ended: to import torch
        takes two seconds of a core, which would delay that run's first chart; and to wait for
        its end would make the next Start wait instead, after a Stop or in a queue.
        """
        if not self._in_process:
            self._spare.keep()

    def _warm_up_if_idle(self) -> None:
        with self._lock:
            is_idle = not self._job_ids()
        if is_idle:  # else the run that was started meanwhile does it after its first epoch
            self._warm_up()


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
