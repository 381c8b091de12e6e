"""What several commands share: options, the places that they name, and exit codes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bikd_core.cli.paths import expanded
from bikd_core.places import Places
from bikd_core.store import RunFolder, StoreError, UnknownRun, open_run

FINISHED, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 130  # exit codes

RunsDir = Annotated[
    Path | None, Parameter(converter=expanded, help="Folder of the runs; else 'runs' in BIKD_HOME.")
]
DataDir = Annotated[
    Path | None,
    Parameter(
        converter=expanded, help="Folder of the data sets, also for downloads; else BIKD_DATA."
    ),
]
RunId = Annotated[str, Parameter(help="The id in the run's link, which is also its folder's name.")]
AsJson = Annotated[
    bool,
    Parameter(
        name="--json",
        negative=(),
        show_default=False,
        help="Print only JSON, one object per line: each epoch of a run, or the whole answer.",
    ),
]


def places_at(runs_dir: Path | None, data_dir: Path | None) -> Places:
    """Return the places of the environment, with the folders that options name instead."""
    places = Places.from_environment()
    return dataclasses.replace(places, runs=runs_dir or places.runs, data=data_dir or places.data)


def stored_run(run_id: str, runs_dir: Path) -> RunFolder:
    """Return a run of a folder by its id.

    Raises:
        StoreError: There is none.
    """
    try:
        return open_run(runs_dir, run_id)
    except UnknownRun as error:
        raise StoreError(str(error)) from error
