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
DEFAULT_QUOTA_BYTES = 20 * 10**9


@dataclass(frozen=True)
class Places:
    """The folders of one installation. They are made when something is first written."""

    runs: Path
    teachers: Path  # teachers trained here; those of the project itself are in `ASSETS`
    data: Path  # holds, or receives, torchvision's data sets
    quota_bytes: int = DEFAULT_QUOTA_BYTES  # of `runs`: beyond, no upload is taken
    pictures: Path | None = None  # below it the server's owner may open own pictures by their path

    @classmethod
    def at(cls, home: Path, data: Path | None = None) -> Places:
        """Return the folders inside `home`, with the data sets elsewhere if `data` is given."""
        return cls(home / "runs", home / "teachers", data or home / "data")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Places:
        """Return the folders below BIKD_HOME, or below the user's data folder if it is not set.

        BIKD_RUNS and BIKD_DATA put the runs and the data sets elsewhere. BIKD_QUOTA_GB limits what
        runs may take before uploads are refused. BIKD_PICTURES is `pictures`.

        Raises:
            ValueError: BIKD_QUOTA_GB is not a number of gigabytes, or there is no home folder.
        """

        def named(variable: str) -> Path | None:
            value = environment.get(variable)
            return Path(os.path.expanduser(value)) if value else None

        places = cls.at(named("BIKD_HOME") or _users_folder(), named("BIKD_DATA"))
        quota_bytes = _quota_bytes(environment.get("BIKD_QUOTA_GB", ""))
        return replace(
            places,
            runs=named("BIKD_RUNS") or places.runs,
            quota_bytes=quota_bytes,
            pictures=named("BIKD_PICTURES"),
        )

    def absolute(self) -> Places:
        """Return the same folders for a process that may run elsewhere."""
        folders = ("runs", "teachers", "data")
        return replace(self, **{name: getattr(self, name).absolute() for name in folders})

    @property
    def owner_key(self) -> Path:
        """The file with the key of whoever owns the servers of this home."""
        return self.teachers.parent / "owner.key"

    @property
    def logs(self) -> Path:
        """The folder of the servers' logs."""
        return self.teachers.parent / "logs"

    @property
    def studies(self) -> Path:
        """The folder of the results of studies."""
        return self.teachers.parent / "studies"

    @property
    def recommendations(self) -> Path:
        """The folder of recommendations for data sets."""
        return self.teachers.parent / "recommendations"

    def as_environment(self) -> dict[str, str]:
        """Return the variables from which `from_environment` reads these folders."""
        return {
            "BIKD_HOME": str(self.teachers.parent),
            "BIKD_RUNS": str(self.runs),
            "BIKD_DATA": str(self.data),
        }

    def teacher_folders(self) -> tuple[Path, ...]:
        """Return where to look for a teacher, in this order."""
        return (ASSETS / "teachers", self.teachers)


def _users_folder() -> Path:
    try:
        return user_data_path("bikd")
    except RuntimeError as error:  # platformdirs finds no home folder
        raise ValueError(
            "This user has no home folder: set BIKD_HOME to a folder for runs, teachers and data."
        ) from error


def _quota_bytes(gigabytes: str) -> int:
    try:
        quota_bytes = int(float(gigabytes) * 10**9) if gigabytes else DEFAULT_QUOTA_BYTES
    except (ValueError, OverflowError):  # OverflowError: inf
        quota_bytes = -1
    if quota_bytes < 0:
        raise ValueError(f"BIKD_QUOTA_GB = {gigabytes!r} is not possible: it must be 0 or more GB.")
    return quota_bytes
