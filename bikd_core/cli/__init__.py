"""The command line. `bikd run` trains in this process, and the page lists its runs like its own.

Standard output holds only results; progress and error messages go to standard error. Exit codes:
0 finished, 1 the run failed, 2 bad input, 130 stopped by Ctrl-C or another signal.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter
from pydantic import BaseModel, ValidationError

from bikd_core import __version__
from bikd_core.cli.controls import AllControls, Controls, ControlsHelp, Data, Training
from bikd_core.cli.driver import EndedRun, drive, drive_on
from bikd_core.cli.opening import Code, allow_typed, with_opened
from bikd_core.cli.paths import expanded
from bikd_core.cli.shared import (
    BAD_INPUT,
    FAILED,
    FINISHED,
    STOPPED,
    AsJson,
    DataDir,
    RunId,
    RunsDir,
    places_at,
    stored_run,
)
from bikd_core.config import (
    DataConfig,
    ModelName,
    RunConfig,
    TrainingConfig,
    check_read,
    explain,
)
from bikd_core.experiment_logs import ExperimentLog
from bikd_core.store import StoreError
from bikd_core.teachers.card import check_name

Name = Annotated[str, Parameter(help="The name of the run on the page.", show_default=False)]
TeacherName = Annotated[
    str, Parameter(help="The teacher's name; else one made from its split.", show_default=False)
]
TeacherModel = Annotated[ModelName | None, Parameter(group="Models", help="Its architecture.")]
Output = Annotated[
    Path | None,
    Parameter(
        converter=expanded, help="Folder to store the teacher in; else 'teachers' in BIKD_HOME."
    ),
]
LensEpochs = Annotated[
    tuple[int, ...],
    Parameter(
        consume_multiple=True,
        negative=(),
        show_default=False,
        help="Epochs whose steps up to the first of the weight net are recorded, for the view One "
        "step on the page. Every run keeps one of its first, middle and last epoch.",
    ),
]
Log = Annotated[
    ExperimentLog | None,
    Parameter(
        show_default=False,
        help="Hand the numbers of each epoch to this tool as well; each is an extra: pip install "
        "'bikd[tensorboard]'.",
    ),
]
app = App(
    name="bikd",
    version=__version__,
    help="Bilevel knowledge distillation on long-tailed data.",
    help_formatter=ControlsHelp(),
    result_action="return_value",
)
# By their paths, so that a command imports nothing that only another one needs.
app.command("bikd_core.cli.page:open_page", name="app")
app.command("bikd_core.cli.studies:compare_methods", name="compare")
app.command("bikd_core.cli.studies:search_options", name="search")
app.command("bikd_core.cli.studies:duel")
app.command("bikd_core.cli.recommend:recommend")
app.command("bikd_core.cli.recorded:export")
app.command("bikd_core.cli.recorded:replay")
app.command("bikd_core.cli.recorded:site")
app.command("bikd_core.cli.bench:app", name="bench")
app.command("bikd_core.cli.questions:app", name="study")
app.command("bikd_core.cli.data:app", name="data")


@app.command
def run(
    *,
    controls: AllControls = Controls(),  # noqa: B008
    name: Name = "",
    lens_epochs: LensEpochs = (),
    log: Log = None,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> int:
    """Train one run and store it where the page lists it.

    Ctrl-C stops it after the current step, as SIGTERM and SIGHUP do; the page or `bikd resume`
    can resume it. Twice ends it at once.
    """
    places = places_at(runs_dir, data_dir)
    controls = with_opened(controls, places.data)
    allow_typed(controls.given)
    config = controls.config()
    check_read(controls.given, [config.flat()])
    lens = frozenset(lens_epochs)
    ended = drive(config, places, name, as_json=as_json, lens_epochs=lens, log=log)
    return _conclude(ended, as_json=as_json)


@app.command
def resume(
    run_id: RunId,
    *,
    log: Log = None,
    code: Code = (),
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> int:
    """Train a run that was stopped, interrupted or failed to its end, from its last checkpoint."""
    allow_typed({}, code)
    places = places_at(runs_dir, data_dir)
    ended = drive_on(stored_run(run_id, places.runs), places, as_json=as_json, log=log)
    return _conclude(ended, as_json=as_json)


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
    """Train a teacher, which is an ordinary run of the method 'ce', for all runs on its split.

    Options not given take the data set's defaults, as for teachers that runs train themselves.
    """
    if name:
        check_name(name)
    places = places_at(runs_dir, data_dir)
    data = with_opened(data, places.data)
    config = RunConfig(data=data, training=training)
    model = teacher_model or config.models.teacher_model
    allow_typed({"teacher_model": teacher_model})
    config = config.changed(student=model, teacher_model=model, method="ce")
    check_read(_given(data) | _given(training), [config.flat()])
    ended = drive(config, places, name, as_json=False)
    code = _conclude(ended, as_json=False)
    if code == FINISHED:
        given = _options(data) + _options(training)
        command = " ".join(["bikd teacher", f"--teacher-model={model}", *given])
        from bikd_core.teachers.creation import store_run

        path = store_run(ended.folder, places.data, output or places.teachers, name, command)
        print(f"Teacher {path.stem}: {path}")
    return code


def _options(part: BaseModel) -> list[str]:
    """Return the given options of a group as command-line arguments."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in _given(part).items()]


def _given(part: BaseModel) -> dict[str, Any]:
    return {name: getattr(part, name) for name in sorted(part.model_fields_set)}


def _conclude(ended: EndedRun, *, as_json: bool) -> int:
    """Print how a run ended and return the exit code."""
    folder, (state, reason), last = ended
    if state == "failed":
        _complain(reason)
        _complain(f"Details: {folder.path / 'traceback.txt'}")
        return FAILED
    done = "before the end of an epoch"
    if last is not None:
        done = f"after epoch {last.epoch}, {last.accuracy:.1%} balanced accuracy"
    if state != "finished":
        _complain(
            f"Stopped {done}; resume it on the page or by bikd resume {folder.run_id}. "
            f"The run: {folder.path}"
        )
        return STOPPED
    out = sys.stderr if as_json else sys.stdout
    print(f"Finished {done}. The run: {folder.path}", file=out)
    return FINISHED


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what it has no letter for is no error
            stream.reconfigure(errors="backslashreplace")
    arguments = sys.argv[1:] if arguments is None else arguments
    if not set(arguments) - {"--help", "-h"}:
        app.resolved_commands()  # the list of commands has a sentence of each
    try:
        code = app(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        _complain(refusal_of(error))
        return BAD_INPUT
    except (ValueError, StoreError) as error:
        _complain(str(error))
        return BAD_INPUT
    except KeyboardInterrupt:
        _complain("Interrupted.")
        return STOPPED
    return code or FINISHED


def refusal_of(error: CycloptsError) -> str:
    """Return in one sentence why a command line is not possible."""
    cause = error.__cause__
    return explain(cause) if isinstance(cause, ValidationError) else str(error)


def _complain(sentence: str) -> None:
    print(sentence, file=sys.stderr)
