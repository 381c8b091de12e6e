"""What several commands share: options, the places that they name, and exit codes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bikd_core.places import Places

FINISHED, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 130  # exit codes

RunsDir = Annotated[Path | None, Parameter(help="Folder of the runs; else 'runs' in BIKD_HOME.")]
DataDir = Annotated[
    Path | None, Parameter(help="Folder of the data sets, also for downloads; else BIKD_DATA.")
]
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
