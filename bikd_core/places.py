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
    """Folders of one installation. They are made when something is first written."""

    runs: Path
    teachers: Path  # teachers trained here; those of the project itself are in `ASSETS`
    data: Path  # holds, or receives, torchvision's data sets

    @classmethod
    def at(cls, home: Path, data: Path | None = None) -> Places:
        return cls(home / "runs", home / "teachers", data or home / "data")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Places:
        """BIKD_HOME, else the user's data folder; BIKD_DATA where the data sets lie elsewhere."""
        home = environment.get("BIKD_HOME")
        data = environment.get("BIKD_DATA")
        return cls.at(
            Path(home).expanduser() if home else user_data_path("bikd"),
            Path(data).expanduser() if data else None,
        )

    def teacher_folders(self) -> tuple[Path, ...]:
        """Where to look for a teacher, in this order."""
        return (ASSETS / "teachers", self.teachers)
