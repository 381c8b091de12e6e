"""A run is a folder: its config, its state, its events, its arrays, its checkpoint.

    run.json          its config (`RunRecord`) and, from Start on, what was resolved then
    status.json       the run's present state (`Status`)
    events.jsonl      one event a line; the line of an `EpochDone` commits that epoch's frame
    panel.npz         which training images the rows of all frames are
    frames/0007.npz   the arrays of epoch 7
    traces/0007-000031.npz   the arrays of a step under the lens: step 31, in epoch 7
    pictures.npy      those of a loop of somebody's own, where its author wants them shown here
    checkpoint/       what training needs to go on: tensors.safetensors and values.json
    student.safetensors, worker.log, traceback.txt, lock, record.lock
    reserve           room for the reason of a failure on a full disk, while the run trains

Whoever trains holds the folder's lock; anybody may read at any time. Files that are replaced are
written under another name and renamed, so that a reader never meets half of one. Only
checkpoints are forced to the disk (fsync): a killed process loses nothing that it has written,
and a power cut at most what came after the last checkpoint, from which the run goes on.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from filelock import AcquireReturnProxy, FileLock, Timeout
from numpy.typing import NDArray

from bikd_core.events import (
    EpochDone,
    Event,
    Frame,
    Panel,
    RunStarted,
    StepTrace,
    from_json,
    to_json,
)
from bikd_core.store import checkpoint
from bikd_core.store.arrays import Arrays, Dimensions, Kind, load_arrays, read_arrays, write_arrays
from bikd_core.store.files import (
    CorruptRunError,
    StoreError,
    check_tensors,
    cut_unfinished_line,
    force_to_disk,
    read_model,
    replace_bytes,
    replace_text,
    tensor_bytes,
    writing,
)
from bikd_core.store.layouts import layouts
from bikd_core.store.log import LogReader
from bikd_core.store.record import (
    RunRecord,
    RunState,
    Status,
    checked_name,
    made_by_another_version,
)

_RESERVE_BYTES = 32 * 1024  # for status, log and traceback; random, or some disks store nothing
_Arrays = TypeVar("_Arrays", Panel, Frame, StepTrace)


class RunFolder:
    """One run on the disk. Only the holder of `lock()` may write; anybody may rename."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._class_counts: tuple[int, ...] = ()  # once they are known; they never change

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def log_path(self) -> Path:
        return self.path / "events.jsonl"

    # Its config and its state

    def record(self) -> RunRecord:
        """Return the content of `run.json`.

        Raises:
            CorruptRunError: It is broken, or of another version of the lab.
        """
        path = self.path / "run.json"
        try:
            return read_model(path, RunRecord)
        except CorruptRunError as error:
            if other := made_by_another_version(path):
                raise CorruptRunError(f"{path}: {other} ({error})") from error
            raise

    def rename(self, name: str) -> None:
        """Change the name under which people see the run; its id and folder stay.

        Raises:
            StoreError: The name is too long, or cannot be written.
        """
        self._update_record(name=checked_name(name) or self.run_id)

    def write_resolved(self, resolved: RunStarted) -> None:
        """Keep what Start resolved: a resumed run uses the same."""
        self._update_record(resolved=resolved)

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

    def reserve(self) -> None:
        """Take room on the disk for the last words of a run, in case it fills up."""
        with writing(self.path):
            (self.path / "reserve").write_bytes(secrets.token_bytes(_RESERVE_BYTES))

    def release_reserve(self) -> None:
        """Give back the room that `reserve` took."""
        with writing(self.path):
            (self.path / "reserve").unlink(missing_ok=True)

    # What training has yielded

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
        """Return all events in the order written; a killed writer's cut-off last line is left out.

        Raises:
            CorruptRunError: Another line is not an event; the message has path and line.
        """
        return LogReader(self.log_path).read_new().events

    def panel(self) -> Panel:
        """Return which images the rows of every frame are, [N].

        Raises:
            StoreError: The run has not come that far.
            CorruptRunError: The file is damaged, or not this run's.
        """
        return _made(Panel, read_arrays(self.path / "panel.npz", Panel, self._most))

    def frame(self, epoch: int) -> Frame:
        """Return the arrays of an epoch, shared by all who read it; raises as `panel`."""
        return _made(Frame, self.frame_arrays(epoch, *layouts(Frame)), epoch=epoch)

    def frame_arrays(self, epoch: int, *names: str) -> Arrays:
        """Return some arrays of an epoch's frame by name, None for those that it lacks.

        Their shapes are those of `Frame`. Only these are read from the disk; raises as `panel`.
        """
        return read_arrays(self._frame_path(epoch), Frame, self._dimensions, names)

    def _counts(self) -> tuple[int, ...]:
        """Return the images of D_tr per class, [C], as the log says."""
        if not self._class_counts:
            with contextlib.suppress(FileNotFoundError), self.log_path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    try:
                        event = from_json(line)
                    except ValueError as error:
                        raise CorruptRunError(f"{self.log_path}:{number}: {error}") from error
                    if isinstance(event, RunStarted):
                        self._class_counts = event.class_counts
                        break
        if not self._class_counts:
            raise StoreError(f"The run {self.run_id} has not started yet.")
        return self._class_counts

    def _most(self) -> Dimensions:
        """Return the dimensions of a panel that has every image."""
        return Dimensions(sum(self._counts()), len(self._counts()))

    def _dimensions(self) -> Dimensions:
        most = self._most()
        has_panel = (self.path / "panel.npz").exists()  # else the frames have every image
        return most._replace(num_images=len(self.panel().labels)) if has_panel else most

    @property
    def frames_available(self) -> tuple[int, ...]:
        """The epochs with a frame, rising; for a moment one more than the log has."""
        return tuple(sorted(int(path.stem) for path in self.path.glob("frames/*.npz")))

    def traces(self) -> dict[int, Path]:
        """Return the files of the steps that were under the lens, by step, rising."""
        paths = sorted(self.path.glob("traces/*-*.npz"))
        return {int(path.stem.split("-")[1]): path for path in paths}

    def trace(self, step: int) -> StepTrace:
        """Return the arrays of a step; raises as `panel`, also where that step was not watched."""
        path = self.traces().get(step)
        if path is None:
            raise StoreError(f"The run has not recorded step {step}.")
        found = read_arrays(path, StepTrace, self._dimensions)
        return _made(StepTrace, found, epoch=int(path.stem.split("-")[0]), step=step)

    def verify(
        self, max_images: int, on_bytes: Callable[[int], None] = lambda num_bytes: None
    ) -> None:
        """Read everything once, so that a broken run from elsewhere is refused.

        Args:
            max_images: The most training images that a run of its config can have.
            on_bytes: Called with the size of each part that is found whole.

        Raises:
            CorruptRunError: A file is broken; the message names it, and line, field or array.
        """
        planned = self.record().config.training.epochs
        self.status()
        log = LogReader(self.log_path)
        for num_bytes in log.check():
            on_bytes(num_bytes)
        if log.num_epochs > planned:
            raise CorruptRunError(
                f"{self.log_path}: it has {log.num_epochs} epochs; the run has {planned}."
            )
        frames = [self._frame_path(epoch) for epoch in self.frames_available]
        files: list[tuple[Path, Kind]] = [(path, Frame) for path in frames]
        files += [(path, StepTrace) for path in self.traces().values()]
        has_panel = (self.path / "panel.npz").exists()
        if files or has_panel:
            dimensions = self._verified_dimensions(max_images)  # it reads the panel too
            for path, kind in files:
                load_arrays(path, kind, dimensions, layouts(kind))
                on_bytes(path.stat().st_size)
        if self.student_path.exists():
            check_tensors(self.student_path)

    def _verified_dimensions(self, max_images: int) -> Dimensions:
        """Return the dimensions of a run that may claim any.

        Raises:
            CorruptRunError: It has not started, or no run of its config has so many images.
        """
        try:
            num_images = sum(self._counts())
        except CorruptRunError:
            raise
        except StoreError as error:
            raise CorruptRunError(f"{self.log_path}: {error}") from error
        if num_images > max_images:
            raise CorruptRunError(
                f"{self.log_path}: class_counts are {num_images:,} images in all; a run of its "
                f"config has at most {max_images:,}."
            )
        return self._dimensions()

    def _frame_path(self, epoch: int) -> Path:
        return self.path / "frames" / f"{epoch:04d}.npz"

    def mend_log(self) -> None:
        """Remove the cut-off last line that a killed writer left, so that another can follow."""
        with writing(self.path):
            cut_unfinished_line(self.log_path)

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
                f"{self.log_path}: it ends after epoch {len(ends)}, before epoch {epoch} of the "
                "checkpoint."
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
        """Return the last checkpoint; None if there is none.

        Raises:
            CorruptRunError: It cannot be read.
        """
        return checkpoint.load(self.path)

    def checkpoint_epoch(self) -> int:
        """Return the epoch after which a resumed run goes on; 0 without a checkpoint."""
        return checkpoint.epoch(self.path)

    @property
    def student_path(self) -> Path:
        """The file of the trained student; a run that has not finished has none."""
        return self.path / "student.safetensors"

    def save_student(self, tensors: Mapping[str, NDArray[Any]], metadata: dict[str, str]) -> None:
        """Export the trained student as `student.safetensors`."""
        with writing(self.path):
            replace_bytes(self.student_path, tensor_bytes(tensors, metadata))

    # The folder as a whole

    def lock(self) -> FileLock:
        """Return the lock of whoever trains the run or has it queued; not yet acquired."""
        return FileLock(self.path / "lock", thread_local=False)

    def hold(self, timeout_s: float) -> AcquireReturnProxy[FileLock]:
        """Acquire the lock; `with` the result, or release its `lock`.

        Raises:
            StoreError: Somebody else holds it, or it cannot be written.
        """
        with writing(self.path):
            try:
                return self.lock().acquire(timeout=timeout_s)
            except Timeout as error:
                raise StoreError(f"Another process trains the run {self.run_id}.") from error

    def is_held(self) -> bool:
        """Return whether somebody trains this run or has it queued."""
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
        """Return what its files take on the disk, also while a training replaces some of them."""
        size = 0
        for folder, _, names in os.walk(self.path):  # unlike rglob it survives a folder's removal
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    size += os.stat(os.path.join(folder, name)).st_size
        return size

    def delete(self) -> None:
        """Remove the folder; it leaves the list of runs at once, then the disk file by file."""
        with writing(self.path):
            deleted = self.path.with_name(f".deleted-{self.run_id}-{secrets.token_hex(4)}")
            self.path.rename(deleted)
            shutil.rmtree(deleted, ignore_errors=True)  # what stays is swept at the next start


def _made(kind: type[_Arrays], found: Arrays, **numbers: int) -> _Arrays:
    values: dict[str, Any] = {**found, **numbers}
    return kind(**values)
