"""`bikd export` and `bikd replay`: write a run to one zip, and read it back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bikd_core.cli.paths import expanded
from bikd_core.cli.shared import RunId, RunsDir, stored_run
from bikd_core.places import Places
from bikd_core.store import StoreError
from bikd_core.store.archive import export_run, import_run


def export(
    run_id: RunId,
    *,
    output: Annotated[
        Path | None,
        Parameter(
            converter=expanded, help="The zip to write; else RUN_ID.zip in the current folder."
        ),
    ] = None,
    max_images: Annotated[
        int | None, Parameter(help="Keep per-image values of only this many training images.")
    ] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Write a finished or stopped run to one zip that the page or `bikd replay` opens anywhere.

    It holds no images; where the data set is available, they come from there.
    """
    target = output or Path(f"{run_id}.zip")
    folder = stored_run(run_id, runs_dir or Places.from_environment().runs)
    export_run(folder, target, max_images)
    print(target)


def replay(
    file: Annotated[
        Path, Parameter(converter=expanded, help="A zip written by `bikd export` or by the page.")
    ],
    *,
    runs_dir: RunsDir = None,
) -> None:
    """Add an exported run to the runs that the page lists."""
    if not file.is_file():
        raise StoreError(f"There is no file {file}.")
    folder = import_run(file, runs_dir or Places.from_environment().runs)
    print(f"{folder.record().name}: open the page with ?run={folder.run_id}")
