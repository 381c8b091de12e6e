"""The time limit of `bikd bench gpu`, and the JSON files of its results."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bikd_core.bench.report import Row
from bikd_core.config import ConfigError


class Deadline:
    """A point in time after which nothing new begins."""

    def __init__(self, seconds: float) -> None:
        self.total_s = seconds
        self._end = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds until the deadline, 0 after it."""
        return max(0.0, self._end - time.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return self.left_s == 0

    def share(self, part: float) -> Deadline:
        """Return the deadline of a phase that may take this part of the whole time, from now."""
        return Deadline(min(part * self.total_s, self.left_s))


class Results:
    """A folder that receives a JSON file for each phase, as soon as there are rows."""

    def __init__(self, folder: Path, head: dict[str, Any]) -> None:
        """Make the folder.

        Args:
            folder: Must not exist, or be empty.
            head: What each file says before its rows: the machine, and how it was used.

        Raises:
            ConfigError: The folder holds something.
        """
        if folder.exists() and any(folder.iterdir()):
            raise ConfigError(f"out = {str(folder)!r} holds files already: name a new folder.")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._head = folder, head

    def write(self, name: str, rows: Sequence[Row]) -> None:
        """Write all rows of a phase so far; the file is whole at any time."""
        path = self.folder / f"{name}.json"
        incomplete = path.with_suffix(".incomplete")
        incomplete.write_text(json.dumps(self._head | {"rows": list(rows)}, indent=1) + "\n")
        os.replace(incomplete, path)
