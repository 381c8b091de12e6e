"""Where runs, teachers and data sets lie on this machine; decided once, at the edge."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from platformdirs import user_data_path

_PACKAGE = Path(__file__).parent
_BUNDLED = _PACKAGE / "_bundled"  # made when a wheel is built
ROOT = _BUNDLED if _BUNDLED.is_dir() else _PACKAGE.parent  # holds app/ and assets/
ASSETS = ROOT / "assets"


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
        """Return the folders below BIKD_HOME, or below the user's data folder if it is not set.

        BIKD_RUNS and BIKD_DATA put the runs and the data sets elsewhere.
        """

        def named(variable: str) -> Path | None:
            value = environment.get(variable)
            return Path(value).expanduser() if value else None

        places = cls.at(named("BIKD_HOME") or user_data_path("bikd"), named("BIKD_DATA"))
        return replace(places, runs=named("BIKD_RUNS") or places.runs)

    def absolute(self) -> Places:
        """Return the same folders for a process that may run elsewhere."""
        return Places(self.runs.absolute(), self.teachers.absolute(), self.data.absolute())

    def teacher_folders(self) -> tuple[Path, ...]:
        """Return where to look for a teacher, in this order."""
        return (ASSETS / "teachers", self.teachers)
