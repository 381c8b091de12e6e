"""The command line. What `bikd run` trains, in this process, the page shows like its own runs.

Standard output holds results only; progress and complaints go to standard error. Exit codes:
0 finished, 1 the run failed, 2 bad input, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter
from pydantic import BaseModel, ValidationError

from bikd_core import __version__
from bikd_core.cli import compare as comparing
from bikd_core.cli import page, recorded, study
from bikd_core.cli.bench import app as bench
from bikd_core.cli.controls import AllControls, Controls, ControlsHelp, Data, Training
from bikd_core.cli.driver import Driven, drive
from bikd_core.cli.recorded import RunsDir
from bikd_core.config import (
    DataConfig,
    ModelName,
    RunConfig,
    TrainingConfig,
    explain,
)
from bikd_core.places import Places
from bikd_core.store import StoreError
from bikd_core.teachers.card import check_name

FINISHED, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 130

DataDir = Annotated[
    Path | None, Parameter(help="Folder that holds, or receives, the data sets; else BIKD_DATA.")
]
Name = Annotated[str, Parameter(help="What the run is called on the page.", show_default=False)]
TeacherName = Annotated[
    str, Parameter(help="The teacher's name; else made from its split.", show_default=False)
]
TeacherModel = Annotated[ModelName | None, Parameter(group="Models", help="Its architecture.")]
Output = Annotated[
    Path | None, Parameter(help="Folder to store it in; else 'teachers' in BIKD_HOME.")
]
LensEpochs = Annotated[
    tuple[int, ...],
    Parameter(
        consume_multiple=True,
        negative=(),
        show_default=False,
        help="Epochs whose first weight-net step is recorded, for the page's view One step.",
    ),
]
AsJson = Annotated[
    bool,
    Parameter(
        name="--json",
        negative=(),
        show_default=False,
        help="Print each epoch as one JSON object a line, and nothing else.",
    ),
]

app = App(
    name="bikd",
    version=__version__,
    help="Bilevel knowledge distillation on long-tailed data.",
    help_formatter=ControlsHelp(),
    result_action="return_value",
)
app.command(page.open_page, name="app")
app.command(bench)
app.command(recorded.export)
app.command(recorded.replay)


@app.command
def run(
    *,
    controls: AllControls = Controls(),  # noqa: B008
    name: Name = "",
    lens_epochs: LensEpochs = (),
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> int:
    """Train one run and keep it where the page shows it.

    Ctrl-C stops it after the current step, and the page can resume it; a second one ends at once.
    """
    config, places = controls.config(), _places(runs_dir, data_dir)
    lens = frozenset(lens_epochs)
    driven = drive(config, places, name, as_json=as_json, lens_epochs=lens)
    return _conclude(driven, as_json=as_json)


@app.command
def teacher(
    *,
    data: Data = DataConfig(),  # noqa: B008
    teacher_model: TeacherModel = None,
    training: Training = TrainingConfig(),  # noqa: B008
    name: TeacherName = "",
    output: Output = None,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
) -> int:
    """Train a teacher, an ordinary run of the method 'ce', and store it for the runs of its split.

    What is not given is the data set's own default, as for the teachers that runs train themselves.
    """
    if name:
        check_name(name)
    places = _places(runs_dir, data_dir)
    config = RunConfig(data=data, training=training)
    model = teacher_model or config.models.teacher_model
    config = config.changed(student=model, teacher_model=model, method="ce")
    driven = drive(config, places, name, as_json=False)
    code = _conclude(driven, as_json=False)
    if code == FINISHED:
        given = _options(data) + _options(training)
        command = " ".join(["bikd teacher", f"--teacher-model={model}", *given])
        from bikd_core.teachers.creation import store_run

        path = store_run(driven.folder, places.data, output or places.teachers, name, command)
        print(f"Teacher {path.stem}: {path}")
    return code


@app.command(name="compare")
def compare_methods(
    *,
    question: comparing.Asked = comparing.Question(),  # noqa: B008
    controls: AllControls = Controls(),  # noqa: B008
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> int:
    """Compare methods over seeds: same data, teacher, optimiser and epochs for all.

    A run that is there already is not trained again; Ctrl-C and the same command go on later.
    --method and --seed have no meaning here.
    """
    base, places = controls.config(), _places(runs_dir, data_dir)
    is_whole = comparing.compare(base, places, question, as_json=as_json)
    return FINISHED if is_whole else FAILED


@app.command(name="search")
def search_options(
    *,
    asked: study.AskedSearch = study.Searched(),  # noqa: B008
    controls: AllControls = Controls(),  # noqa: B008
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> int:
    """Try as many random configurations of each method; D_val alone says which is best.

    A trial that is there already is not trained again; Ctrl-C and the same command go on later.
    """
    base, places = controls.config(), _places(runs_dir, data_dir)
    return FINISHED if study.run_search(base, places, asked, as_json=as_json) else FAILED


@app.command
def duel(
    *,
    asked: study.AskedDuel = study.Duel(),  # noqa: B008
    controls: AllControls = Controls(),  # noqa: B008
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> int:
    """Two configurations over seeds: who leads by how much, and whether that may be claimed.

    A run that is there already is not trained again; Ctrl-C and the same command go on later.
    """
    base, places = controls.config(), _places(runs_dir, data_dir)
    return FINISHED if study.run_duel(base, places, asked, as_json=as_json) else FAILED


def _options(part: BaseModel) -> list[str]:
    """What was given of a part, as a command line has it."""
    given = {name: getattr(part, name) for name in sorted(part.model_fields_set)}
    return [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]


def _places(runs_dir: Path | None, data_dir: Path | None) -> Places:
    places = Places.from_environment()
    return dataclasses.replace(places, runs=runs_dir or places.runs, data=data_dir or places.data)


def _conclude(driven: Driven, *, as_json: bool) -> int:
    """Say how a run ended; returns the exit code."""
    folder, (state, reason), last = driven
    if state == "failed":
        _complain(reason)
        _complain(f"Details: {folder.path / 'traceback.txt'}")
        return FAILED
    done = "before the end of an epoch"
    if last is not None:
        done = f"after epoch {last.epoch}, {last.accuracy:.1%} balanced accuracy"
    if state != "finished":
        _complain(f"Stopped {done}; the page can resume it. The run: {folder.path}")
        return STOPPED
    out = sys.stderr if as_json else sys.stdout
    print(f"Finished {done}. The run: {folder.path}", file=out)
    return FINISHED


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    try:
        code = app(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        cause = error.__cause__
        _complain(explain(cause) if isinstance(cause, ValidationError) else str(error))
        return BAD_INPUT
    except (ValueError, StoreError) as error:
        _complain(str(error))
        return BAD_INPUT
    except KeyboardInterrupt:
        _complain("Interrupted.")
        return STOPPED
    return code or FINISHED


def _complain(sentence: str) -> None:
    print(sentence, file=sys.stderr)
