"""Where runs, teachers and data sets lie on this machine; decided once, at the edge."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

ASSETS = Path(__file__).parents[1] / "assets"


@dataclass(frozen=True)
class Places:
    """The folders of one installation. They are made when something is first written."""

    runs: Path
    teachers: Path  # teachers trained here; those of the project itself are in `ASSETS`
    data: Path  # holds, or receives, torchvision's data sets

    @classmethod
    def at(cls, home: Path, data: Path | None = None) -> Places:
        """Return the folders inside `home`, with the data sets elsewhere if `data` is given."""
        return cls(home / "runs", home / "teachers", data or home / "data")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Places:
        """Return the folders in BIKD_HOME, else in the user's data folder.

        BIKD_DATA, where it is set, is where the data sets lie.
        """
        home = environment.get("BIKD_HOME")
        data = environment.get("BIKD_DATA")
        return cls.at(
            Path(home).expanduser() if home else user_data_path("bikd"),
            Path(data).expanduser() if data else None,
        )

    def absolute(self) -> Places:
        """Return the same folders for a process that may run elsewhere."""
        return Places(self.runs.absolute(), self.teachers.absolute(), self.data.absolute())

    def teacher_folders(self) -> tuple[Path, ...]:
        """Return where to look for a teacher, in this order."""
        return (ASSETS / "teachers", self.teachers)
