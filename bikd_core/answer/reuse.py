"""Results of an answer as results of a study, where both have trained the same runs."""

from __future__ import annotations

from pathlib import Path

from bikd_core.answer.ledger import Ledger, Result
from bikd_core.config import ConfigError, RunConfig
from bikd_core.studies.executors import Outcome
from bikd_core.studies.results import Kept, Run
from bikd_core.studies.study import Grid


def results_for(grid: Grid, path: Path) -> dict[Run, Kept]:
    """Return what the file of an answer's runs knows of a study's runs.

    Measures that the file does not hold are missing.

    Raises:
        ConfigError: The file is not there, or its runs have other controls than the study's.
    """
    if not path.exists():
        raise ConfigError(f"refill = {str(path)!r} is not possible: there is no such file.")
    wanted = {cell.written for cell in grid.cells}
    epochs = RunConfig.from_flat(grid.base).training.epochs
    return {
        (run.entry, run.seed): Kept(_outcome(result, epochs), f"bikd bench answer ({path.name})")
        for run, result in Ledger(path, grid.base).results.items()
        if run.entry in wanted and run.seed in grid.seeds and not run.held_out
    }


def _outcome(result: Result, epochs: int) -> Outcome:
    if result.diverged:
        return Outcome.failed(result.diverged, diverged=True)
    measures = dict(result.own) | {"accuracy_with_biases": result.biased.get("accuracy")}
    return Outcome(measures, {}, result.seconds_per_epoch * epochs)
