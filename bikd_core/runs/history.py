"""What is known about each run, for many readers. Live and recorded runs are read alike."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from bikd_core.config import RunConfig
from bikd_core.config.own_loop import OwnLoop
from bikd_core.data.sources import facts_of
from bikd_core.events import (
    NOT_FINITE,
    ClassBiasesFitted,
    ControlChanged,
    EpochDone,
    Event,
    RunStarted,
    StepDone,
    TeacherEpochDone,
    TeacherViewsDone,
)
from bikd_core.store import (
    ENDED,
    CorruptRunError,
    LogReader,
    RunFolder,
    RunState,
    StoreError,
    UnknownRun,
    open_run,
    run_ids,
)

Some = TypeVar("Some", bound=Event)
_EPOCHS_TO_JUDGE_BY = 5  # the time left follows from the speed of the last ones


class Logged(NamedTuple):
    """What a run's log says, up to one moment."""

    resolved: RunStarted | None
    teacher_epochs: tuple[TeacherEpochDone, ...]
    teacher_views: TeacherViewsDone | None
    epochs: tuple[EpochDone, ...]
    class_biases: ClassBiasesFitted | None
    controls: tuple[ControlChanged, ...]
    last_step: StepDone | None

    @classmethod
    def of(cls, events: Sequence[Event]) -> Logged:
        """Return what events say, in their order."""

        def last(kind: type[Some]) -> Some | None:
            return next((e for e in reversed(events) if isinstance(e, kind)), None)

        def every(kind: type[Some]) -> tuple[Some, ...]:
            return tuple(e for e in events if isinstance(e, kind))

        return cls(
            resolved=last(RunStarted),
            teacher_epochs=every(TeacherEpochDone),
            teacher_views=last(TeacherViewsDone),
            epochs=every(EpochDone),
            class_biases=next((e for e in events if isinstance(e, ClassBiasesFitted)), None),
            controls=every(ControlChanged),
            last_step=last(StepDone),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """A run at one moment. Immutable: (run_id, version) identifies all that it holds."""

    run_id: str
    name: str
    created: datetime
    config: RunConfig
    is_imported: bool  # it may have run on another machine
    together: tuple[str, ...] = ()  # the runs that shared its steps, itself included; () if alone
    folder: RunFolder  # for frames, panel, size
    version: int  # rises at every change while the server lives, not beyond
    state: RunState
    reason: str  # one sentence where the state needs one: failed, interrupted
    queue_position: int | None  # 1 is next; None unless it waits in this server's queue
    seconds_left: float | None  # as of the last epoch's end; None unless running or paused
    log: Callable[[], Logged]  # of a run that has ended, it is read when first asked for

    @property
    def resolved(self) -> RunStarted | None:
        """None until the training proper begins."""
        return self.log().resolved

    @property
    def teacher_epochs(self) -> tuple[TeacherEpochDone, ...]:
        """The epochs of a teacher that is trained first."""
        return self.log().teacher_epochs

    @property
    def teacher_views(self) -> TeacherViewsDone | None:
        """How far the kept views are, if there are any."""
        return self.log().teacher_views

    @property
    def epochs(self) -> tuple[EpochDone, ...]:
        """The epochs that are done."""
        return self.log().epochs

    @property
    def class_biases(self) -> ClassBiasesFitted | None:
        """From the last epoch's student.

        None before the end, where all of D_val is trained on, and in runs of earlier versions.
        """
        return self.log().class_biases

    @property
    def controls(self) -> tuple[ControlChanged, ...]:
        """What was changed while it trained."""
        return self.log().controls

    @property
    def last_step(self) -> StepDone | None:
        """None unless somebody stepped."""
        return self.log().last_step

    @property
    def has_ended(self) -> bool:
        """Whether the run no longer changes by itself, so that nobody needs to poll."""
        return self.state in ENDED

    @property
    def can_resume(self) -> bool:
        """Whether `RunManager.resume_from_checkpoint` has something left to train."""
        is_ours = not self.config.is_recorded_elsewhere  # else only its author can go on with it
        return is_ours and self.has_ended and self.state != "finished"

    @property
    def num_classes(self) -> int:
        """The number of classes, known before the run has started."""
        method = self.config.method
        if isinstance(method, OwnLoop):
            return method.num_classes
        return facts_of(self.config.data.dataset).num_classes

    @property
    def data_title(self) -> str:
        """What its data are called."""
        method = self.config.method
        if isinstance(method, OwnLoop):
            return method.data
        return facts_of(self.config.data.dataset).title

    @property
    def diverged(self) -> bool:
        """Whether it failed by a loss that is not finite, as it would again."""
        return self.state == "failed" and self.reason.startswith(NOT_FINITE)


class History:
    """A run's record, status and log in memory; `refresh` adds what the folder has gained.

    The log of a run that has ended is read when somebody asks for it: a list of thousands of runs
    needs few of them. Any thread may call any method.
    """

    def __init__(self, folder: RunFolder, *, is_ours: bool = False) -> None:
        """Read the folder; arguments and errors are those of `refresh`."""
        self.folder = folder
        self._lock = threading.Lock()  # guards all below
        self._log = LogReader(folder.log_path)
        self._events: list[Event] = []
        self._is_read = False  # the log; what has been read goes on to be
        self._logged: Logged | None = None  # of these events
        self._damage = ""  # what is wrong with the log, and in which line
        self._signatures: tuple[tuple[int, ...], ...] = ()  # of the files when last read
        self._is_orphan = False
        self._override: tuple[RunState, str] | None = None
        self._queue_position: int | None = None
        self._version = 0
        self._snapshot: Snapshot | None = None
        self._record, self._status = folder.record(), folder.status()
        self.refresh(is_ours=is_ours)

    def refresh(self, *, is_ours: bool = False) -> None:
        """Read what is new in the folder.

        Args:
            is_ours: This server trains the run or has it in its queue. If not, and nobody else
                does, a run that did not end was interrupted.

        Raises:
            CorruptRunError: `run.json` or `status.json` is broken.
        """
        with self._lock:
            signatures = tuple(_signature(path) for path in self._files())
            is_new = signatures != self._signatures
            if self._status.state in ENDED and not is_new:
                return
            # Checked before the status is read: whoever releases a folder has written its end.
            is_held = is_ours or self.folder.is_held()
            if is_new:
                self._read()
                self._signatures = signatures
            is_orphan = self._status.state not in ENDED and not is_held
            if is_new or is_orphan != self._is_orphan:
                self._is_orphan = is_orphan
                self._change()

    def _files(self) -> tuple[Path, ...]:
        folder = self.folder.path
        return (self.folder.log_path, folder / "status.json", folder / "run.json")

    def _read(self) -> None:
        self._record, self._status = self.folder.record(), self.folder.status()
        self._override = None
        if self._is_read or self._status.state not in ENDED:
            self._read_log()

    def _read_log(self) -> None:
        self._is_read = True
        self._damage = ""
        self._logged = None
        try:
            new = self._log.read_new()
        except CorruptRunError as error:
            self._damage = str(error)
            return
        self._events = new.events if new.is_rewritten else self._events + new.events

    def set_queue_position(self, queue_position: int | None) -> None:
        """Set where in this server's queue the run waits; None if it does not."""
        with self._lock:
            if queue_position != self._queue_position:
                self._queue_position = queue_position
                self._change()

    def override(self, state: RunState, reason: str) -> None:
        """Set a state that could not be written to the folder, on a full disk for instance."""
        with self._lock:
            self._override = (state, reason)
            self._change()

    def _change(self) -> None:
        self._version += 1
        self._snapshot = None

    def snapshot(self, *, with_log: bool = True) -> Snapshot:
        """Return the run as last read; made once for each change.

        Args:
            with_log: Read the log first; else a broken one shows only once somebody asks for it.
        """
        with self._lock:
            if with_log:
                self._read_log_once()
            if self._snapshot is None:
                self._snapshot = self._make_snapshot()
            return self._snapshot

    def _read_log_once(self) -> None:
        if not self._is_read:
            self._read_log()
            if self._damage:
                self._change()

    def _log_when_asked(self) -> Logged:
        with self._lock:
            self._read_log_once()
            return self._log_so_far()

    def _log_so_far(self) -> Logged:
        if self._logged is None:
            self._logged = Logged.of(self._events)
        return self._logged

    def _make_snapshot(self) -> Snapshot:
        state, reason = self._state()
        logged = self._log_so_far() if self._is_read else None
        return Snapshot(
            run_id=self.folder.run_id,
            name=self._record.name,
            created=self._record.created,
            config=self._record.config,
            is_imported=self._record.is_imported,
            together=self._record.together,
            folder=self.folder,
            version=self._version,
            state=state,
            reason=reason,
            queue_position=self._queue_position,
            seconds_left=self._seconds_left() if state in {"running", "paused"} else None,
            log=self._log_when_asked if logged is None else lambda: logged,
        )

    def _state(self) -> tuple[RunState, str]:
        if self._override is not None:
            return self._override
        if self._damage:
            return "failed", self._damage
        if self._is_orphan and self._record.config.is_recorded_elsewhere:
            return "interrupted", "The process of this loop ended without saying how it went."
        if self._is_orphan:
            began = "while this run trained" if self._events else "before this run began"
            return "interrupted", f"The server or the computer went down {began}."
        return self._status.state, self._status.reason

    def _seconds_left(self) -> float | None:
        logged = self._log_so_far()
        last = [epoch.seconds for epoch in logged.epochs[-_EPOCHS_TO_JUDGE_BY:]]
        if not last:
            return None
        per_epoch = sum(last) / len(last)
        speeds = [change for change in logged.controls if change.control == "speed"]
        if speeds and speeds[-1].value:
            per_epoch = max(per_epoch, 1 / speeds[-1].value)
        return (self._record.config.training.epochs - len(logged.epochs)) * per_epoch


def _signature(path: Path) -> tuple[int, ...]:
    """Return a value that changes with every write: a file grows, or a new one replaces it."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return ()
    return (about.st_ino, about.st_size, about.st_mtime_ns)


class BrokenRun(NamedTuple):
    """A run whose files cannot be read. It can be deleted like any other."""

    folder: RunFolder
    reason: str  # one sentence: which file is broken, and how

    @property
    def run_id(self) -> str:
        return self.folder.run_id


class Histories:
    """The histories of a folder of runs. Any thread may call any method.

    Args:
        runs_dir: The folder.
        is_ours: Whether this server trains a run or has it queued, and so refreshes it itself.
    """

    def __init__(self, runs_dir: Path, is_ours: Callable[[str], bool]) -> None:
        self._runs_dir = runs_dir
        self._is_ours = is_ours
        self._lock = threading.Lock()  # guards the next one
        self._known: dict[str, History] = {}

    def of(self, folder: RunFolder) -> History:
        """Return the one history of a run; raises as `History`."""
        with self._lock:
            if folder.run_id not in self._known:
                self._known[folder.run_id] = History(folder)
            return self._known[folder.run_id]

    def forget(self, run_id: str) -> None:
        """Drop the history of a run that is deleted."""
        with self._lock:
            self._known.pop(run_id, None)

    def snapshot(self, run_id: str, *, with_log: bool = True) -> Snapshot:
        """Return how a run stands now; errors as `RunManager.snapshot`."""
        folder = open_run(self._runs_dir, run_id)
        is_ours = self._is_ours(run_id)
        history = self.of(folder)
        if not is_ours:
            history.refresh()
        return history.snapshot(with_log=with_log)

    def list(self) -> tuple[tuple[Snapshot, ...], tuple[BrokenRun, ...]]:
        """Return the runs that can be read, newest first, and those that cannot, by id."""
        snapshots, broken = [], []
        for run_id in run_ids(self._runs_dir):
            try:
                snapshots.append(self.snapshot(run_id, with_log=False))
            except UnknownRun:
                pass  # deleted meanwhile
            except (StoreError, OSError) as error:
                broken.append(BrokenRun(RunFolder(self._runs_dir / run_id), str(error)))
        newest_first = sorted(snapshots, key=lambda run: (run.created, run.run_id), reverse=True)
        return tuple(newest_first), tuple(sorted(broken, key=lambda run: run.run_id))
