"""The runs of one server: a queue, a background thread for each active run, a warm spare."""

from __future__ import annotations

from collections.abc import Sequence

from bikd_core.config import RunConfig
from bikd_core.control import StepLevel
from bikd_core.places import Places
from bikd_core.runs.history import Snapshot


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
        worker: Sequence[str] = (),
    ) -> None:
        """Take over a folder of runs.

        Args:
            places: Where runs, teachers and data sets lie.
            max_training: Runs that train at one time, at least 1; the others queue.
            in_process: Train in the background thread itself instead of a child process: slower
                pages, but a debugger can follow.
            worker: The command of the child process instead of `bikd_core.worker`.
        """
        raise NotImplementedError

    def start(self, config: RunConfig, name: str = "") -> str:
        """Queue a new run, or train it at once if nothing trains; returns its id.

        Raises:
            ConfigError: The data set cannot be cut as asked.
            StoreError: The run's folder cannot be written.
        """
        raise NotImplementedError

    def resume_from_checkpoint(self, run_id: str) -> None:
        """Queue a run that ended early to go on after its checkpoint, or from the beginning.

        Raises:
            UnknownRun, RunError (it trains, waits or is finished), StoreError.
        """
        raise NotImplementedError

    def pause(self, run_id: str) -> None:
        """Pause after the current step. Of a queued run: it will begin paused. UnknownRun."""
        raise NotImplementedError

    def resume(self, run_id: str) -> None:
        """Let a paused run go on. Does nothing on one that has ended, as all of these."""
        raise NotImplementedError

    def step(self, run_id: str, level: StepLevel) -> None:
        """Train to the next end of a student step, a weight-net step or an epoch, then pause."""
        raise NotImplementedError

    def set_learning_rate(self, run_id: str, value: float) -> None:
        """Replace the base learning rate from the next step on. ValueError if out of range."""
        raise NotImplementedError

    def stop(self, run_id: str) -> None:
        """End a run after its current step, with a checkpoint; take a queued one out."""
        raise NotImplementedError

    def snapshot(self, run_id: str) -> Snapshot:
        """How a run stands and all it has yielded. The id may be junk from a URL: UnknownRun."""
        raise NotImplementedError

    def list(self) -> tuple[Snapshot, ...]:
        """All runs of the folder, newest first. Damaged ones are logged and left out."""
        raise NotImplementedError

    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name for people. UnknownRun, StoreError."""
        raise NotImplementedError

    def delete(self, run_id: str) -> None:
        """Remove a run from the disk. RunError while it trains or waits; UnknownRun, StoreError."""
        raise NotImplementedError

    def estimate(self, config: RunConfig) -> float | None:
        """Seconds that such a run would train, told from earlier ones; None: there is none."""
        raise NotImplementedError

    def shutdown(self) -> None:
        """End all children, with checkpoints; their runs are interrupted. Waits a few seconds."""
        raise NotImplementedError
