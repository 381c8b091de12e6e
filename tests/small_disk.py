"""A disk that takes so many bytes, and then fails or takes the process with it."""

import io
import os
from collections.abc import Callable
from contextlib import contextmanager


class _Counting(io.FileIO):
    """A file whose writes are counted; the one that does not fit is written in part."""

    def __init__(self, disk: "SmallDisk", *arguments, **values) -> None:
        super().__init__(*arguments, **values)
        self._disk = disk

    def write(self, data) -> int:
        data = bytes(data)
        if any(part in str(self.name) for part in self._disk.spared):
            return super().write(data)
        room = self._disk.take(len(data))
        written = super().write(data[:room])
        if room < len(data):
            self._disk.on_full(str(self.name))
        return written


class SmallDisk:
    """Counts what is written to any file while `in_use`.

    Args:
        num_bytes: What it takes.
        on_full: Called with the name of a file when a write did not fit; what did is written.
        spared: Parts of the names of files that can always be written.
    """

    def __init__(
        self, num_bytes: int, on_full: Callable[[str], None], spared: tuple[str, ...] = ()
    ) -> None:
        self.room, self.on_full, self.spared = num_bytes, on_full, spared

    def take(self, num_bytes: int) -> int:
        """Return how many of these bytes fit."""
        fitting = min(num_bytes, self.room)
        self.room -= fitting
        return fitting

    @contextmanager
    def in_use(self, monkeypatch):
        """Let all files that are opened for writing be on this disk."""
        really_open = io.open

        def open_here(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, **_):
            if isinstance(file, int) or not set(mode) & set("wax+"):
                return really_open(file, mode, buffering, encoding, errors, newline)
            raw = _Counting(self, file, mode.replace("b", "").replace("t", ""))
            if "b" in mode:
                return (io.BufferedRandom if "+" in mode else io.BufferedWriter)(raw)
            return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, newline)

        with monkeypatch.context() as patch:
            patch.setattr("builtins.open", open_here)
            patch.setattr(io, "open", open_here)
            yield


def dies(_: str) -> None:
    """End the process at once, as SIGKILL does."""
    os._exit(9)


def fails_with(code: int) -> Callable[[str], None]:
    """Return what a disk with this error does."""

    def fail(name: str) -> None:
        raise OSError(code, os.strerror(code), name)

    return fail
