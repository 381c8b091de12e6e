"""Reading the log of a run that somebody may be writing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from bikd_core.events import Event, from_json
from bikd_core.store.files import CorruptRunError


class NewEvents(NamedTuple):
    """What a log has gained; `is_rewritten`: these events replace all that were read before."""

    events: list[Event]
    is_rewritten: bool


class LogReader:
    """Reads each event of a log once, in the order written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = -1
        self._offset = 0
        self._num_lines = 0

    def read_new(self) -> NewEvents:
        """The events since the last call. A cut-off last line waits for its rest.

        Raises:
            CorruptRunError: A line is not an event (path and line are in the message), or the
                file cannot be read.
        """
        try:
            with self._path.open("rb") as file:
                about = os.fstat(file.fileno())
                is_rewritten = about.st_ino != self._inode or about.st_size < self._offset
                if is_rewritten:
                    self._inode, self._offset, self._num_lines = about.st_ino, 0, 0
                file.seek(self._offset)
                text = file.read()
        except OSError as error:
            raise CorruptRunError(f"{self._path}: {error.strerror}") from error
        whole = text[: text.rfind(b"\n") + 1]
        events = [
            self._parse(line, number)
            for number, line in enumerate(whole.split(b"\n")[:-1], self._num_lines + 1)
        ]
        self._offset += len(whole)
        self._num_lines += len(events)
        return NewEvents(events, is_rewritten)

    def _parse(self, line: bytes, number: int) -> Event:
        try:
            return from_json(line.decode())
        except ValueError as error:
            raise CorruptRunError(f"{self._path}:{number}: {error}") from error
