"""`bikd export` and `bikd replay`: a run as one zip, out of the list of runs and into it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bikd_core.places import Places
from bikd_core.store import StoreError, UnknownRun, open_run
from bikd_core.store.archive import export_run, import_run

RunsDir = Annotated[Path | None, Parameter(help="Folder of the runs; else 'runs' in BIKD_HOME.")]


def export(
    run_id: Annotated[str, Parameter(help="As in the run's link, or its folder's name.")],
    *,
    output: Annotated[Path | None, Parameter(help="The zip; else RUN_ID.zip here.")] = None,
    max_images: Annotated[
        int | None, Parameter(help="Keep per-image values of that many training images only.")
    ] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Write a run that has ended to one zip, which the page or `bikd replay` opens anywhere.

    No pictures are in it: they come from the data set, where that is there.
    """
    target = output or Path(f"{run_id}.zip")
    try:
        folder = open_run(runs_dir or Places.from_environment().runs, run_id)
    except UnknownRun as error:
        raise StoreError(str(error)) from error
    export_run(folder, target, max_images)
    print(target)


def replay(
    file: Annotated[Path, Parameter(help="A zip that `bikd export` or the page wrote.")],
    *,
    runs_dir: RunsDir = None,
) -> None:
    """Put an exported run among the runs that the page lists."""
    if not file.is_file():
        raise StoreError(f"There is no file {file}.")
    folder = import_run(file, runs_dir or Places.from_environment().runs)
    print(f"{folder.record().name}: open the page with ?run={folder.run_id}")
