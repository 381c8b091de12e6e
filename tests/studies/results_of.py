"""Results of a study without training: each run gets what a function says."""

import numpy as np

from bikd_core.studies.executors import MEASURES, Outcome
from bikd_core.studies.questions import study_named
from bikd_core.studies.results import Kept, Results, StudyLedger, path_of
from bikd_core.studies.study import Cell, Design, Study, grid_of

MADE_BY = "bikd 1.0, torch 2.9.0, Python 3.12.0"


def outcome(accuracy, **measures):
    """Return the outcome of a finished run; what is not named is 0.5."""
    return Outcome(dict.fromkeys(MEASURES, 0.5) | {"accuracy": accuracy} | measures, {}, 2.0)


def filled(study, value_of, seeds=(), dataset="digits"):
    """Return results; value_of(cell, seed) is an outcome, an accuracy, or None for a missing run.

    Accuracies differ by seed, and a little by cell.
    """
    if isinstance(study, str):
        study = study_named(study)
    grid = grid_of(study, seeds, {"dataset": dataset})
    draw, found = np.random.default_rng(0), {}
    spread = {seed: 0.02 * draw.standard_normal() for seed in grid.seeds}
    for cell in grid.cells:
        for seed in grid.seeds:
            value = value_of(cell, seed)
            if isinstance(value, float):
                value = outcome(value + spread[seed] + 0.005 * draw.standard_normal())
            if value is not None:
                found[cell.written, seed] = Kept(value, MADE_BY)
    return Results(grid, found)


def keep(folder, name, value_of, seeds):
    """Write results of a study into a folder, as if it had been run there; return its grid."""
    results = filled(name, value_of, seeds)
    grid = results.grid
    ledger = StudyLedger(path_of(folder, grid.study, grid.dataset), grid)
    with ledger.held():
        ledger.add(results.found.items())
    return grid


def small_study(cells, verdict=lambda results: "It depends.", **base):
    """Return a study of these cells on a few digits runs of two epochs."""
    controls = {"student": "digits_mlp", "epochs": 2, **base}
    return Study(
        name="small",
        title="Small",
        question="Does it work?",
        why="Nobody knows.",
        designs={"digits": Design((0, 1), controls)},
        cells=lambda dataset: cells,
        verdict=verdict,
        x="Entry",
    )


PLAIN = (Cell("CE", "ce", "plain", "CE"), Cell("KD", "kd", "plain", "KD"))
