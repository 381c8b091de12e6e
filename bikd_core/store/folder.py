"""A run is a folder: what it was asked, how it stands, its events, its arrays, its checkpoint.

    run.json          what was asked (`RunRecord`) and, from Start on, what it was resolved to
    status.json       how the run stands (`Status`)
    events.jsonl      one event a line; the line of an `EpochDone` commits that epoch's frame
    panel.npz         which training images the rows of all frames are
    frames/0007.npz   the arrays of epoch 7
    traces/0007-000031.npz   of a step under the lens: step 31, in epoch 7
    checkpoint/       everything training needs to go on: tensors.safetensors and values.json
    student.safetensors, worker.log, traceback.txt, lock, record.lock

Whoever trains holds the folder's lock; anybody may read at any time. Files that are replaced are
written under another name and renamed, so that a reader never meets half of one. Only
checkpoints are forced to the disk (fsync): a killed process loses nothing that it has written,
and a power cut at most what came after the last checkpoint, from which the run goes on.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import AcquireReturnProxy, FileLock, Timeout
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bikd_core import __version__
from bikd_core.config import RunConfig
from bikd_core.events import EpochDone, Event, Frame, Panel, StepTrace, to_json
from bikd_core.store import checkpoint
from bikd_core.store.files import (
    CorruptRunError,
    StoreError,
    check_beliefs,
    force_to_disk,
    read_arrays,
    read_model,
    remove_folder,
    replace_bytes,
    replace_text,
    tensor_bytes,
    write_arrays,
    writing,
)
from bikd_core.store.log import LogReader

log = logging.getLogger(__name__)

RunState = Literal[
    "queued", "starting", "running", "paused", "stopped", "finished", "failed", "interrupted"
]
ENDED: frozenset[RunState] = frozenset({"stopped", "finished", "failed", "interrupted"})
MAX_NAME_LENGTH = 200
_MAX_ID_LENGTH = 80
_RUN_ID = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+)*")  # safe in a URL and as a folder's name


class UnknownRun(LookupError):
    """There is no run of this id."""


class RunRecord(BaseModel):
    """What `run.json` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str = Field(max_length=MAX_NAME_LENGTH)
    schema_version: Literal[1] = 1
    config: RunConfig
    created: datetime
    versions: dict[str, str]
    resolved: dict[str, Any] | None = None  # the fields of `RunStarted`
    is_imported: bool = False  # it came as a zip, perhaps from another machine


class Status(BaseModel):
    """What `status.json` holds; a run that is not ended but that nobody holds is interrupted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: RunState
    reason: str = ""  # one sentence where the state needs one
    epoch: int = 0  # done so far
    epochs: int
    updated: datetime


class RunFolder:
    """One run on the disk. What writes is for the holder of `lock()` only, `rename` excepted."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def log_path(self) -> Path:
        return self.path / "events.jsonl"

    # What was asked, and how it stands

    def record(self) -> RunRecord:
        return read_model(self.path / "run.json", RunRecord)

    def rename(self, name: str) -> None:
        """Give the run another name for people; its id and folder stay.

        Raises:
            StoreError: The name is too long, or cannot be written.
        """
        self._update_record(name=_checked(name) or self.run_id)

    def write_resolved(self, resolved: Mapping[str, Any]) -> None:
        """Keep what Start resolved (the fields of `RunStarted`): a resumed run uses the same."""
        self._update_record(resolved=dict(resolved))

    def _update_record(self, **changes: Any) -> None:
        # Somebody may rename a run at the moment when its training writes what it resolved.
        with writing(self.path), FileLock(self.path / "record.lock", timeout=5):
            record = self.record().model_copy(update=changes)
            replace_text(self.path / "run.json", record.model_dump_json(indent=2))

    def status(self) -> Status:
        return read_model(self.path / "status.json", Status)

    def write_status(self, state: RunState, reason: str = "", *, epoch: int, epochs: int) -> None:
        now = datetime.now(UTC)
        status = Status(state=state, reason=reason, epoch=epoch, epochs=epochs, updated=now)
        with writing(self.path):
            replace_text(self.path / "status.json", status.model_dump_json())

    # What flowed out of training

    def append(self, item: Event | Panel | Frame | StepTrace) -> None:
        """Write what training yielded: events to the log, arrays to files of their own."""
        with writing(self.path):
            if isinstance(item, Panel):
                write_arrays(self.path / "panel.npz", item)
            elif isinstance(item, Frame):
                write_arrays(self._frame_path(item.epoch), item)
            elif isinstance(item, StepTrace):
                (self.path / "traces").mkdir(exist_ok=True)
                write_arrays(self.path / "traces" / f"{item.epoch:04d}-{item.step:06d}.npz", item)
            else:
                with self.log_path.open("a", encoding="utf-8") as file:
                    file.write(to_json(item) + "\n")

    def events(self) -> list[Event]:
        """All events in the order written; a cut-off last line (a killed writer) is skipped.

        Raises:
            CorruptRunError: Any other line is not an event; the message has path and line.
        """
        return LogReader(self.log_path).read_new().events

    def panel(self) -> Panel:
        """Which images the rows of every frame are.

        Raises:
            StoreError: The run has not come that far.
            CorruptRunError: The file is damaged.
        """
        return read_arrays(self.path / "panel.npz", Panel)

    def frame(self, epoch: int) -> Frame:
        """The arrays of an epoch; raises as `panel`."""
        path = self._frame_path(epoch)
        frame = read_arrays(path, Frame, epoch=epoch)
        check_beliefs(frame, path)
        return frame

    @property
    def frames_available(self) -> tuple[int, ...]:
        """Epochs with a frame, rising; one more than the log has for a moment as an epoch ends."""
        return tuple(sorted(int(path.stem) for path in self.path.glob("frames/*.npz")))

    def traces(self) -> dict[int, Path]:
        """The files of the steps that were under the lens, by step, rising."""
        paths = sorted(self.path.glob("traces/*-*.npz"))
        return {int(path.stem.split("-")[1]): path for path in paths}

    def trace(self, step: int) -> StepTrace:
        """The arrays of a step; raises as `panel`, also where that step was not watched."""
        path = self.traces().get(step, self.path / "traces" / f"step {step}")
        epoch = int(path.stem.split("-")[0]) if path.suffix else 0
        return read_arrays(path, StepTrace, epoch=epoch, step=step)

    def _frame_path(self, epoch: int) -> Path:
        return self.path / "frames" / f"{epoch:04d}.npz"

    def mend_log(self) -> None:
        """Take a cut-off last line away, so that another can follow; for after a killed writer."""
        with writing(self.path), self.log_path.open("r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)

    def truncate_to(self, epoch: int) -> None:
        """Forget what came after the end of an epoch, a cut-off line included; 0 forgets all.

        Raises:
            CorruptRunError: The log does not reach that epoch.
        """
        events = self.events()
        ends = [
            number
            for number, event in enumerate(events, 1)
            if isinstance(event, EpochDone) and event.epoch <= epoch
        ]
        if len(ends) < epoch:
            raise CorruptRunError(
                f"{self.log_path}: it ends after epoch {len(ends)}, before epoch {epoch}, to which "
                "it was to be cut."
            )
        kept = events[: ends[-1]] if ends else []
        with writing(self.path):
            replace_text(self.log_path, "".join(to_json(event) + "\n" for event in kept))
            for number in self.frames_available:
                if number > epoch:
                    self._frame_path(number).unlink()
            for path in self.traces().values():
                if int(path.stem.split("-")[0]) > epoch:
                    path.unlink()

    # Going on later

    def save_checkpoint(self, tensors: Mapping[str, NDArray[Any]], values: dict[str, Any]) -> None:
        """Replace the checkpoint; `values["epoch"]` is the epoch it belongs to."""
        with writing(self.path):
            force_to_disk(self.log_path)  # a checkpoint is of no use without the log before it
        checkpoint.save(self.path, tensors, values)

    def load_checkpoint(self) -> checkpoint.Checkpoint | None:
        """The last checkpoint; None if there is none.

        Raises:
            CorruptRunError: It cannot be read.
        """
        return checkpoint.load(self.path)

    def checkpoint_epoch(self) -> int:
        """The epoch after which a resumed run goes on; 0 without a checkpoint."""
        return checkpoint.epoch(self.path)

    def save_student(self, tensors: Mapping[str, NDArray[Any]], metadata: dict[str, str]) -> None:
        """Export the trained student as `student.safetensors`."""
        with writing(self.path):
            replace_bytes(self.path / "student.safetensors", tensor_bytes(tensors, metadata))

    # The folder as a whole

    def lock(self) -> FileLock:
        """The lock of who trains the run or has it in a queue; not yet acquired."""
        return FileLock(self.path / "lock", thread_local=False)

    def hold(self, timeout_s: float) -> AcquireReturnProxy[FileLock]:
        """Acquire the lock; `with` the result, or release its `lock`.

        Raises:
            StoreError: Somebody else held it all the time, or it cannot be written.
        """
        with writing(self.path):
            try:
                return self.lock().acquire(timeout=timeout_s)
            except Timeout as error:
                raise StoreError(f"Another process trains the run {self.run_id}.") from error

    def is_held(self) -> bool:
        """Somebody trains this run, or has it in a queue."""
        if not (self.path / "lock").exists():
            return False
        try:
            with self.lock().acquire(timeout=0):
                return False
        except Timeout:
            return True
        except OSError:
            return False  # a folder that we cannot write to is a recorded run

    def size_bytes(self) -> int:
        """What its files take on the disk. May be asked while a training replaces some of them."""
        size = 0
        for folder, _, names in os.walk(self.path):  # unlike rglob it bears that a folder goes
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    size += os.stat(os.path.join(folder, name)).st_size
        return size

    def delete(self) -> None:
        """Remove the folder; it leaves the list of runs at once, then the disk file by file."""
        with writing(self.path):
            gone = self.path.with_name(f".deleted-{self.run_id}-{secrets.token_hex(4)}")
            self.path.rename(gone)
            shutil.rmtree(gone)


def create_run(runs_dir: Path, config: RunConfig, name: str = "") -> RunFolder:
    """A new run's folder, queued; its id is readable, unique and safe in a URL.

    Raises:
        StoreError: The name is too long, or the folder cannot be written; nothing is left of it.
    """
    run_id = new_id(config)
    record = RunRecord(
        id=run_id,
        name=_checked(name) or run_id,
        config=config,
        created=datetime.now(UTC),
        versions={"bikd": __version__},
    )
    unfinished = RunFolder(runs_dir / f".new-{run_id}")
    with writing(runs_dir):
        try:
            (unfinished.path / "frames").mkdir(parents=True)
            unfinished.log_path.touch()
            replace_text(unfinished.path / "run.json", record.model_dump_json(indent=2))
            unfinished.write_status("queued", epoch=0, epochs=config.training.epochs)
            unfinished.path.rename(runs_dir / run_id)
        except BaseException:
            remove_folder(unfinished.path)
            raise
    return RunFolder(runs_dir / run_id)


def _checked(name: str) -> str:
    if len(name) > MAX_NAME_LENGTH:
        raise StoreError(
            f"A run's name has at most {MAX_NAME_LENGTH} characters; this one has {len(name)}."
        )
    return name.strip()


def new_id(config: RunConfig) -> str:
    """An id for a run of this config: readable, unique, safe in a URL and as a folder's name."""
    factor = f"{config.data.imbalance_factor:g}".replace(".", "_")
    alphabet = "23456789abcdefghjkmnpqrstvwxyz"  # without those that are taken for another
    unique = "".join(secrets.choice(alphabet) for _ in range(5))
    seed = f"s{config.training.seed}"
    return "-".join((config.data.dataset, config.method.method, factor, seed, unique))


def is_id(text: str) -> bool:
    """Whether the text can be a run's id; it may be anything."""
    return len(text) <= _MAX_ID_LENGTH and _RUN_ID.fullmatch(text) is not None


def open_run(runs_dir: Path, run_id: str) -> RunFolder:
    """The folder of an earlier run. The id may be anything: it comes from a URL.

    Raises:
        UnknownRun: There is no such run.
    """
    if not is_id(run_id) or not (runs_dir / run_id / "run.json").is_file():
        raise UnknownRun(f"There is no run {run_id[:_MAX_ID_LENGTH]!r} in {runs_dir}.")
    return RunFolder(runs_dir / run_id)


def run_ids(runs_dir: Path) -> list[str]:
    """All that can be opened, in no order."""
    return [path.parent.name for path in runs_dir.glob("[a-z0-9_]*/run.json")]


def list_runs(runs_dir: Path) -> list[RunFolder]:
    """All runs of a folder, newest first. Damaged ones are logged and left out."""
    found: list[tuple[datetime, str]] = []
    for run_id in run_ids(runs_dir):
        try:
            found.append((RunFolder(runs_dir / run_id).record().created, run_id))
        except CorruptRunError as error:
            log.warning("left out of the list of runs: %s", error)
    return [RunFolder(runs_dir / run_id) for _, run_id in sorted(found, reverse=True)]
