"""`bikd export`, `replay` and `site`: runs as zip or HTML files, and recorded ones as web pages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bikd_core.cli.opening import Code, allow_typed
from bikd_core.cli.paths import expanded
from bikd_core.cli.shared import FINISHED, DataDir, RunId, RunsDir, places_at, stored_run
from bikd_core.config import ConfigError
from bikd_core.places import ROOT, Places
from bikd_core.store import RunFolder, StoreError
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
    html: Annotated[
        Path | None,
        Parameter(
            converter=expanded,
            help="Write this HTML file instead: all views and epochs, without server or network.",
        ),
    ] = None,
    beside: Annotated[
        str | None, Parameter(help="With --html: the id of a second run, drawn beside the first.")
    ] = None,
    pictures: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="With --html: also the view Pictures, and so training pictures.",
        ),
    ] = False,
    notebook: Annotated[
        Path | None,
        Parameter(
            converter=expanded,
            help="Write this Jupyter notebook instead (.ipynb): it trains the run again and draws "
            "the same figures.",
        ),
    ] = None,
    student: Annotated[
        Path | None,
        Parameter(
            converter=expanded,
            help="Write the trained student instead, and a model card (.md) beside it; the "
            "file's ending is its form: .safetensors, .pt2 (torch.export) or .onnx.",
        ),
    ] = None,
    code: Code = (),
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
) -> int:
    """Write a finished or stopped run to one zip that the page or `bikd replay` opens anywhere.

    It holds no images; where the data set is available, they come from there. The student of a
    finished run can be written instead.
    """
    runs = runs_dir or Places.from_environment().runs
    folder = stored_run(run_id, runs)
    others = {"student": student, "html": html, "notebook": notebook}
    chosen = [name for name, path in others.items() if path is not None]
    if len(chosen) > 1:
        raise ConfigError(f"{chosen[1]} is not possible with {chosen[0]}: give one of them.")
    if beside is not None and html is None:
        raise ConfigError("beside is not possible without html: other files hold one run.")
    if pictures and html is None:
        raise ConfigError("pictures is not possible without html: other files hold none.")
    if not chosen:
        target = output or Path(f"{run_id}.zip")
        export_run(folder, target, max_images)
        print(target)
        return FINISHED
    for name, value in (("output", output), ("max_images", max_images)):
        if value is not None:
            raise ConfigError(
                f"{name} is not possible with {chosen[0]}: it is an option of the zip."
            )
    if student is not None:
        allow_typed({}, code)
        return _write_student(folder, student, places_at(runs_dir, data_dir).data)
    if notebook is not None and notebook.suffix != ".ipynb":
        raise ConfigError(f"notebook = {notebook} is not possible: its name must end with .ipynb.")
    if beside is not None:
        stored_run(beside, runs)
    file = html or notebook
    assert file is not None
    arguments = ["--pictures"] * pictures + [str(file.absolute()), run_id, *filter(None, [beside])]
    return _front_end("app.takeaway", *arguments, BIKD_RUNS=str(runs.absolute()))


def _write_student(folder: RunFolder, target: Path, data_dir: Path) -> int:
    from bikd_core.students.files import export_student  # it needs torch

    for path in export_student(folder, target, data_dir):
        print(path)
    return FINISHED


def site(
    folder: Annotated[Path, Parameter(converter=expanded, help="Folder to write the pages into.")],
) -> int:
    """Write the lesson and the recorded runs as web pages for any static host, or for the disk.

    They need no server and no Python, and train nothing.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"folder = {folder} is not possible: that is a file, not a folder.")
    return _front_end("app.site", str(folder.absolute()))


def _front_end(module: str, *arguments: str, **variables: str) -> int:
    """Run a module of the front end in a process of its own; return its exit code.

    The front end stands above this package, so nothing of it is imported here.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-P", "-m", module, *arguments]
    environment = os.environ | {"PYTHONPATH": path} | variables
    return subprocess.run(command, env=environment, check=False).returncode


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
    print(f"{folder.record().name}: open the page with /lab?run={folder.run_id}")
