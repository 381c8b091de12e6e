"""`bikd recommend`: which recipe works on these pictures, within a budget of minutes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Line
from rich.table import Table

from bikd_core.cli.controls import Data, Models, Training
from bikd_core.cli.opening import allow_typed, with_opened
from bikd_core.cli.paths import expanded
from bikd_core.cli.questions import fetch, signals_interrupt
from bikd_core.cli.shared import FINISHED, STOPPED, AsJson, DataDir, RunsDir, places_at
from bikd_core.config import ConfigError, DataConfig, ModelConfig, RunConfig, TrainingConfig
from bikd_core.recommend.driver import Recommendation
from bikd_core.recommend.gains import GROUPS
from bikd_core.recommend.record import SET_BY_ITSELF, Record, path_for
from bikd_core.studies.executors import LocalExecutor


@dataclass(frozen=True)
class Controls:
    """The controls of the runs that a recommendation leaves open."""

    data: Data = field(default_factory=DataConfig)
    models: Models = field(default_factory=ModelConfig)
    training: Training = field(default_factory=TrainingConfig)

    def base(self) -> RunConfig:
        """Return the config of all runs but for method and seed.

        Raises:
            ConfigError: A control is given that the recommendation sets, or is not possible.
        """
        given: dict[str, Any] = {
            name: getattr(part, name)
            for part in (self.data, self.models, self.training)
            for name in part.model_fields_set
        }
        for name in SET_BY_ITSELF:
            if name in given:
                raise ConfigError(
                    f"{name} = {given[name]!r} is not possible with recommend: it sets that itself."
                )
        return RunConfig.from_flat(given)


@dataclass(frozen=True)
class Options:
    """How a recommendation is made."""

    minutes: Annotated[float, Parameter(help="The budget; pauses do not count.")] = 30.0
    jobs: Annotated[
        int | None, Parameter(help="Processes; else what cores and free memory allow.")
    ] = None
    out: Annotated[
        Path | None,
        Parameter(
            converter=expanded,
            help="File of the result, .json; the trials lie beside it. Else one for these controls "
            "in 'recommendations' in BIKD_HOME.",
        ),
    ] = None
    plan: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="Only say how many trials fit, by a few timed steps; nothing is trained.",
        ),
    ] = False


def recommend(
    *,
    options: Annotated[Options, Parameter(name="*", group="Recommendation")] = Options(),
    controls: Annotated[Controls, Parameter(name="*")] = Controls(),
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> int:
    """Try recipes on your pictures within a budget, and say which works and what it gains over KD.

    Each recipe has as many trials, judged on D_val alone; the test set is looked at once, for what
    was chosen and for plain KD. After Ctrl-C, the same command goes on. The chosen student is in
    the store, ready for `bikd export RUN --student FILE`.
    """
    places = places_at(runs_dir, data_dir)
    controls = replace(controls, data=with_opened(controls.data, places.data))
    models = controls.models
    allow_typed({name: getattr(models, name) for name in models.model_fields_set})
    base = controls.base()
    path = options.out or path_for(base, places.recommendations)
    if path.suffix != ".json":
        raise ConfigError(f"out = {str(path)!r} is not possible: its name must end in .json.")
    executor = LocalExecutor(places, options.jobs)
    recommendation = Recommendation(base, options.minutes, path, places, executor)
    try:
        with signals_interrupt(), _progress() as on_progress:
            fetch(base.data.dataset, places)
            if options.plan:
                print(recommendation.planned(on_progress))
                return FINISHED
            record = recommendation.run(on_progress, _tell)
    except KeyboardInterrupt:
        _tell("Paused. What has ended is kept; the same command goes on.")
        return STOPPED
    if as_json:
        print(record.model_dump_json())
    else:
        _print(record)
    _tell(f"Result: {path}")
    return FINISHED


@contextmanager
def _progress() -> Iterator[Any]:
    """Show progress as a bar on a terminal, else as lines, on standard error."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda what, done, of: _tell(f"{what}: {done:,} of {of:,}")
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Line(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as line:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = line.add_task(what, total=of)
            line.update(tasks[what], completed=done, total=of)

        yield show


def _print(record: Record) -> None:
    assert record.chosen is not None  # the recommendation is done
    console = Console(highlight=False)
    ranking = Table(title=f"{record.num_trials} trials of each recipe, judged on D_val alone")
    for name in ("recipe", "D_val accuracy, %", "D_val loss"):
        ranking.add_column(name, justify="left" if name == "recipe" else "right")
    for one in record.ranking:
        ranking.add_row(one.title, f"{100 * one.val_accuracy:.1f}", f"{one.val_loss:.3f}")
    console.print(ranking)
    for why, titles in record.reasons.items():
        console.print(f"Left out: {titles}. {why}", markup=False)
    shown = Table(title="On the test set")
    for name in ("", "recommended, %", "plain KD, %", "gain, points", "95 % interval"):
        shown.add_column(name, justify="right" if name else "left")
    for name in GROUPS:
        group = record.groups[name]
        shown.add_row(
            name,
            f"{100 * group.chosen:.1f}",
            f"{100 * group.reference:.1f}",
            f"{100 * group.gain:+.1f}",
            f"{100 * group.low:+.1f} to {100 * group.high:+.1f}",
        )
    console.print(shown)
    console.print(record.sentence, markup=False)
    console.print(
        f"Its settings: {record.chosen.entry}\n"
        f"Its student: bikd export {record.chosen.runs[0]} --student student.onnx",
        markup=False,
        soft_wrap=True,
    )


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
