"""What `run.json` and `status.json` hold, and the ids of runs."""

from __future__ import annotations

import json
import re
import secrets
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from bikd_core import __version__
from bikd_core.config import OwnData, RunConfig
from bikd_core.events import Count, RunStarted
from bikd_core.store.files import StoreError

RunState = Literal[
    "queued", "starting", "running", "paused", "stopped", "finished", "failed", "interrupted"
]
ENDED: frozenset[RunState] = frozenset({"stopped", "finished", "failed", "interrupted"})
SCHEMA: Literal[1] = 1
MAX_NAME_LENGTH = 200
MAX_ID_LENGTH = 80
_RUN_ID = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+)*")  # safe in a URL and as a folder's name


def _in_our_time(moment: datetime) -> datetime:
    if not 1971 <= moment.year < 3000:  # what every system can turn into its local time
        raise ValueError(f"the year {moment.year} is not from 1971 to 2999")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_in_our_time)]


def _an_id(text: str) -> str:
    if not is_id(text):
        raise ValueError(f"{text[:MAX_ID_LENGTH]!r} is not the id of a run")
    return text


_Id = Annotated[str, AfterValidator(_an_id)]  # it becomes the name of a folder


class RunRecord(BaseModel):
    """The content of `run.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    own_data: OwnData | None = None  # read before the config, which asks for the facts
    id: str
    name: str = Field(max_length=MAX_NAME_LENGTH)
    schema_version: Literal[1] = SCHEMA
    config: RunConfig
    created: Moment
    versions: dict[str, str]
    resolved: RunStarted | None = None  # what Start resolved: a resumed run uses the same
    #: The ids of the runs that each step is shared with, its own included; () for a run alone. Its
    #: last digits depend on them, so a resumed run trains with the same ones again.
    together: Annotated[tuple[_Id, ...], Field(max_length=100)] = ()
    is_imported: bool = False  # it came as a zip, perhaps from another machine


class Status(BaseModel):
    """The content of `status.json`; a run not ended that nobody holds is interrupted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: RunState
    reason: str = ""  # one sentence where the state needs one
    epoch: Count = 0  # done so far
    epochs: Count
    updated: Moment


def made_by_another_version(path: Path) -> str:
    """Return which other version wrote a `run.json` that cannot be read; "" if none is named."""
    try:
        found = json.loads(path.read_bytes())
        schema, version = found["schema_version"], found["versions"]["bikd"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return ""
    if schema == SCHEMA and version == __version__:
        return ""
    return (
        f"it was made by version {str(version)[:40]} of the lab (run format {str(schema)[:40]}), "
        f"this is version {__version__} (run format {SCHEMA})"
    )


def checked_name(name: str) -> str:
    """Return a name for a run, without spaces around it.

    Raises:
        StoreError: It is too long.
    """
    if len(name) > MAX_NAME_LENGTH:
        raise StoreError(
            f"A run's name has at most {MAX_NAME_LENGTH} characters; this one has {len(name)}."
        )
    return name.strip()


def new_id(config: RunConfig) -> str:
    """Return an id for a run of this config: readable, unique, safe in a URL and as a folder."""
    alphabet = "23456789abcdefghjkmnpqrstvwxyz"  # no two that look alike
    unique = "".join(secrets.choice(alphabet) for _ in range(5))
    if config.is_recorded_elsewhere:
        return f"own-loop-{unique}"
    factor = f"{config.data.imbalance_factor:g}".replace(".", "_")
    if config.data.imbalance == "natural":
        factor = "natural"
    seed = f"s{config.training.seed}"
    return "-".join((config.data.dataset, config.method.method, factor, seed, unique))


def is_id(text: str) -> bool:
    """Return whether a text, which may be anything, can be the id of a run."""
    return len(text) <= MAX_ID_LENGTH and _RUN_ID.fullmatch(text) is not None
