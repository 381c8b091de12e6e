"""The runs of one server: a queue, a background thread for each active run, a warm child."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, get_args

from bikd_core.config import RunConfig
from bikd_core.config.own_loop import OWN_LOOP_REFUSAL
from bikd_core.config.together import check_together
from bikd_core.control import Control, StepLevel
from bikd_core.data.possible import check_possible
from bikd_core.places import Places
from bikd_core.runs.child import WORKER, Child
from bikd_core.runs.cost import Costs
from bikd_core.runs.estimate import seconds_of_run
from bikd_core.runs.history import BrokenRun, Histories, Snapshot
from bikd_core.runs.importing import import_upload
from bikd_core.runs.job import SHUTDOWN_GRACE_S, Held, Job, going_on_with
from bikd_core.runs.spare import Spare
from bikd_core.store import RunFolder, StoreError, create_run, open_run
from bikd_core.store.archive import import_run
from bikd_core.store.intake import Progress, nobody_watches
from bikd_core.store.leftovers import sweep
from bikd_core.store.runs_dir import create_together
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
        sweep(places.runs)
        self._max_training = max_training
        self._in_process = in_process
        self._num_threads = max(1, (_cores() - 1) // max_training)  # one core is the page's
        self._spare = Spare(worker, self._num_threads)
        self._histories = Histories(places.runs, self._is_ours)
        self._lock = threading.RLock()  # guards all below
        self._queue: list[Job] = []
        self._active: list[Job] = []
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
        self._enqueue([folder], is_resumed=False)
        return folder.run_id

    def start_together(self, configs: Sequence[RunConfig]) -> list[str]:
        """Queue new runs that train together, each step of theirs as one; return their ids.

        Raises:
            ValueError: They cannot train together.
            ConfigError: As `start`.
            StoreError: As `start`.
        """
        if len(configs) == 1:
            return [self.start(configs[0])]
        check_together(configs)
        for config in configs:
            check_possible(config)
        folders = create_together(self.places.runs, configs)
        self._enqueue(folders, is_resumed=False)
        return [folder.run_id for folder in folders]

    def resume_from_checkpoint(self, run_id: str) -> list[str]:
        """Queue a run that ended early, to go on after its checkpoint or else to begin again.

        Of runs that train together, all that have not finished go on. Returns the ids of those
        that go on, this one's first.

        Raises:
            UnknownRun: There is no such run.
            RunError: It trains, waits or is finished; or one that it trained with does, or is gone.
            StoreError: Its folder cannot be read or written.
        """
        self._wait_until_released(run_id)
        snapshot = self.snapshot(run_id)
        if snapshot.config.is_recorded_elsewhere:
            raise RunError(OWN_LOOP_REFUSAL)
        if not snapshot.can_resume:
            raise RunError(f"The run {snapshot.name!r} is {snapshot.state}: nothing to resume.")
        try:
            folders = going_on_with(snapshot.folder, self.snapshot)
        except StoreError as error:
            raise RunError(str(error)) from error
        self._enqueue(folders, is_resumed=True)
        return sorted((folder.run_id for folder in folders), key=lambda one: one != run_id)

    def _enqueue(self, folders: Sequence[RunFolder], *, is_resumed: bool) -> None:
        with self._lock:
            if self._is_shut_down:
                raise RunError("The server is shutting down: it starts no runs.")
            if known := [f.run_id for f in folders if f.run_id in self._job_ids()]:
                raise RunError(f"The run {known[0]} trains or waits already.")
            with ExitStack() as held:
                runs = []
                for folder in folders:
                    lock = folder.hold(_LOCK_TIMEOUT_S).lock
                    held.callback(lock.release)
                    runs.append(Held(folder, self._histories.of(folder), lock))
                job = Job(runs, is_resumed=is_resumed)
                job.write_state(Outcome("queued"))
                held.pop_all()  # they stay held
            self._queue.append(job)
            self._dispatch()

    def _dispatch(self) -> None:
        with self._lock:
            while self._queue and len(self._active) < self._max_training:
                job = self._queue.pop(0)
                job.set_queue_position(None)
                self._active.append(job)
                thread = threading.Thread(
                    target=self._drive, args=(job,), name=f"run {job.run_ids[0]}", daemon=True
                )
                self._threads = [old for old in self._threads if old.is_alive()] + [thread]
                thread.start()
            for position, job in enumerate(self._queue, 1):
                job.set_queue_position(position)

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
            waiting = next((job for job in self._queue if run_id in job.run_ids), None)
            if waiting is not None:
                waiting.take_out(run_id)
                if not waiting.runs:
                    self._queue.remove(waiting)
                self._dispatch()
                return
        job = self._job_of(run_id)
        if job is not None:
            job.stop(run_id)

    def _send(self, run_id: str, command: pipe.Steering) -> None:
        job = self._job_of(run_id)
        if job is not None:
            job.send(command)

    def _job_of(self, run_id: str) -> Job | None:
        """Return the job of a run; None if it has ended.

        Raises:
            RunError: Another process trains it.
        """
        with self._lock:
            jobs = (*self._queue, *self._active)
            job = next((job for job in jobs if run_id in job.run_ids), None)
        if job is None and not self.snapshot(run_id).has_ended:
            if self.snapshot(run_id).config.is_recorded_elsewhere:
                raise RunError(OWN_LOOP_REFUSAL)
            raise RunError(f"Another process trains the run {run_id}; it can be steered there.")
        return job

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
        """Return all runs of the folder that can be read, newest first.

        The log of one that has ended is read when somebody asks its snapshot for it.
        """
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
        return {run_id for job in (*self._active, *self._queue) for run_id in job.run_ids}

    def _is_ours(self, run_id: str) -> bool:
        with self._lock:
            return run_id in self._job_ids()

    def _wait_until_released(self, run_id: str) -> None:
        """Wait out the moment between the end of a run and the end of its thread."""
        with self._lock:
            job = next((job for job in self._active if run_id in job.run_ids), None)
        if job is not None and all(run.history.snapshot().has_ended for run in job.runs):
            job.is_over.wait(_SETTLE_TIMEOUT_S)

    def open_recorded(self, source: Path | BinaryIO, on_progress: Progress = nobody_watches) -> str:
        """Import an exported run, unless it is in the list already; return its id.

        Args:
            source: A zip of the project's own, by its path, or what somebody uploaded: that is
                read by a process of its own.
            on_progress: Called in this thread with the bytes of an upload that are read, and all.

        Raises:
            CorruptRunError: The file is not the zip of a run.
            StoreError: There is no room for it, or the runs' folder cannot be written.
        """
        if isinstance(source, Path):
            return import_run(source, self.places.runs).run_id
        return import_upload(source, self.places, on_progress).run_id

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
            jobs, waiting = list(self._active), self._queue
            self._queue = []
            threads = self._threads
        for job in waiting:
            job.set_queue_position(None)
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
            job.settle(outcome)
        except Exception as error:  # a thread that dies in silence leaves its viewers waiting
            log.exception("run %s failed", ", ".join(job.run_ids))
            job.override("failed", str(error))
        finally:
            job.release()
            with self._lock:
                self._active.remove(job)
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
