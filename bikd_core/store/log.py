"""Reading the log of a run that somebody may be writing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bikd_core.events import ClassBiasesFitted, EpochDone, Event, RunStarted, from_json
from bikd_core.store.files import CorruptRunError

_MAX_LINE_BYTES = 2**20


class NewEvents(NamedTuple):
    """The events that a log has gained; if `is_rewritten`, they replace all that came before."""

    events: list[Event]
    is_rewritten: bool


class LogReader:
    """Reads each event of a log once, in the order written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = -1
        self._begin_again()

    def _begin_again(self) -> None:
        self._offset = 0
        self._num_lines = 0
        self._num_epochs = 0
        self._num_classes = 0  # 0 until the run has started

    def read_new(self) -> NewEvents:
        """Return the events since the last call. A cut-off last line waits for its rest.

        Raises:
            CorruptRunError: A line is not an event that can stand there (path and line are in the
                message), or the file cannot be read.
        """
        try:
            with self._path.open("rb") as file:
                about = os.fstat(file.fileno())
                is_rewritten = about.st_ino != self._inode or about.st_size < self._offset
                if is_rewritten:
                    self._inode = about.st_ino
                    self._begin_again()
                file.seek(self._offset)
                text = file.read()
        except OSError as error:
            raise CorruptRunError(f"{self._path}: {error.strerror}") from error
        whole = text[: text.rfind(b"\n") + 1]
        events: list[Event] = []
        try:
            for line in whole.split(b"\n")[:-1]:
                events.append(self._parse(line, self._num_lines + len(events) + 1))
        except CorruptRunError:
            self._inode = -1  # the next call reads all of it again
            raise
        self._offset += len(whole)
        self._num_lines += len(events)
        return NewEvents(events, is_rewritten)

    def check(self) -> Iterator[int]:
        """Check a whole log line by line, keep none of it, and yield how many bytes each line has.

        Raises:
            CorruptRunError: As `read_new`, or a line is too long for an event.
        """
        try:
            with self._path.open("rb") as file:
                while line := file.readline(_MAX_LINE_BYTES):
                    self._num_lines += 1
                    if line.endswith(b"\n"):
                        self._parse(line[:-1], self._num_lines)
                    elif len(line) == _MAX_LINE_BYTES:
                        raise CorruptRunError(
                            f"{self._path}:{self._num_lines}: longer than {_MAX_LINE_BYTES:,} bytes"
                        )
                    yield len(line)
        except OSError as error:
            raise CorruptRunError(f"{self._path}: {error.strerror}") from error

    @property
    def num_epochs(self) -> int:
        """The number of epochs in what was read so far."""
        return self._num_epochs

    def _parse(self, line: bytes, number: int) -> Event:
        try:
            event = from_json(line)
            self._check(event)
        except ValueError as error:
            raise CorruptRunError(f"{self._path}:{number}: {error}") from error
        return event

    def _check(self, event: Event) -> None:
        """Refuse an event that cannot follow those before it.

        Raises:
            ValueError: Epochs are not 1, 2, 3 and so on, or a list is not one value a class.
        """
        if isinstance(event, RunStarted):
            self._num_classes = self._num_classes or len(event.class_names)
            self._check_length(event, "class_names")
            self._check_length(event, "class_counts")
            for name in ("teacher_accuracy_per_class", "label_counts"):
                if getattr(event, name):
                    self._check_length(event, name)
        elif isinstance(event, EpochDone):
            self._num_epochs += 1
            if not self._num_classes:
                raise ValueError(f"epoch {event.epoch} stands before the start of the run")
            if event.epoch != self._num_epochs:
                raise ValueError(f"epoch = {event.epoch} where epoch {self._num_epochs} must be")
            for name in ("accuracy_per_class", "w_hard_per_class", "w_soft_per_class"):
                if getattr(event, name) is not None:
                    self._check_length(event, name)
        elif isinstance(event, ClassBiasesFitted):
            if event.epoch != self._num_epochs:
                raise ValueError(
                    f"class biases of epoch {event.epoch} after epoch {self._num_epochs}"
                )
            self._check_length(event, "biases")
            self._check_length(event, "accuracy_per_class")

    def _check_length(self, event: Event, name: str) -> None:
        if (length := len(getattr(event, name))) != self._num_classes:
            raise ValueError(f"{name} has {length} values for {self._num_classes} classes")
