"""Results of runs, one line of JSON each, in a file that grows and is never rewritten.

The file's first line, its head, says what all of its results share. A line is written when a run
ends, so an interrupted computation goes on where it was, on another machine too. Of two lines about
the same run the later one counts.
"""

from __future__ import annotations

import gzip
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from filelock import FileLock, Timeout

from bikd_core.config import ConfigError
from bikd_core.store.files import cut_unfinished_line, writing

Key = TypeVar("Key")
Value = TypeVar("Value")
Line = dict[str, Any]

#: The entry of a head that names the numbers of a line; later versions may have more of them.
MEASURES = "measures"


class Ledger(ABC, Generic[Key, Value]):
    """The results in a file.

    Args:
        path: The file, which may be packed (.gz) where it is only read; it is made when a result is
            added.
        head: What all results share.

    Raises:
        ConfigError: The file holds something else, or results with another head.
    """

    def __init__(self, path: Path, head: Mapping[str, Any]) -> None:
        self.path, self.head = path, dict(head)
        self.results = self._read()

    @abstractmethod
    def read_line(self, line: Line) -> tuple[Key, Value]:
        """Return the run and the result of a line."""

    @abstractmethod
    def write_line(self, key: Key, value: Value) -> Line:
        """Return the line of a run and its result."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from adding results.

        Raises:
            ConfigError: Another process adds results now.
            StoreError: The folder cannot be written.
        """
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise ConfigError(
                f"{self.path.name} is not possible now: another process adds results to it."
            ) from error
        try:
            if self.path.exists():
                cut_unfinished_line(self.path)
            self.results = self._read()
            yield
        finally:
            lock.release()

    def add(self, found: Iterable[tuple[Key, Value]]) -> None:
        """Write results; they are in the file when this returns, or none of them is.

        Here too they are as the file has them, rounded for instance, so that whoever goes on from
        the file, where two results are nearly equal, chooses as this process does.

        Raises:
            StoreError: The file cannot be written, because the disk is full for example.
        """
        lines = [json.dumps(self.write_line(key, value)) for key, value in found]
        as_written = [self.read_line(json.loads(line)) for line in lines]
        size = self.path.stat().st_size if self.path.exists() else 0
        if not size:
            lines.insert(0, json.dumps(self.head))
        with writing(self.path):
            try:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write("".join(f"{line}\n" for line in lines))
            except OSError:
                if self.path.exists():
                    with self.path.open("r+b") as file:
                        file.truncate(size)
                raise
        self.results |= dict(as_written)

    def _read(self) -> dict[Key, Value]:
        found: dict[Key, Value] = {}
        for number, written in enumerate(whole_lines(self.path), 1):
            try:
                line = json.loads(written)
                if number > 1:
                    key, value = self.read_line(line)
                    found[key] = value
                    continue
                stored = {name: line[name] for name in self.head}
            except (ValueError, KeyError, TypeError) as error:
                raise ConfigError(
                    f"{self.path.name}, line {number} is not possible: it holds no result; delete "
                    "that line, or name another folder."
                ) from error
            for name, own in self.head.items():
                if name != MEASURES and stored[name] != own:
                    raise ConfigError(
                        f"{self.path.name} is not possible: its runs were trained with "
                        f"{json.dumps(stored[name])}, not with {json.dumps(own)}; name another "
                        "folder."
                    )
            self.head = stored
        return found


def whole_lines(path: Path) -> list[str]:
    """Return the lines of a file; whoever holds it may be writing one, which is left out."""
    if not path.exists():
        return []
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    return text[: text.rfind("\n") + 1].splitlines()
