"""The commands that train many runs: `bikd compare`, `bikd search` and `bikd duel`."""

from __future__ import annotations

from bikd_core.cli import compare, study
from bikd_core.cli.controls import AllControls, Controls
from bikd_core.cli.opening import allow_typed, with_opened
from bikd_core.cli.shared import FAILED, FINISHED, AsJson, DataDir, RunsDir, places_at


def compare_methods(
    *,
    options: compare.CompareArguments = compare.CompareOptions(),  # noqa: B008
    controls: AllControls = Controls(),  # noqa: B008
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> int:
    """Compare methods over seeds, with the same data, teacher, optimiser and epochs for all.

    Existing runs are not trained again. After Ctrl-C, the same command continues.
    --method and --seed have no effect here.
    """
    places = places_at(runs_dir, data_dir)
    controls = with_opened(controls, places.data)
    allow_typed(controls.given)
    is_complete = compare.compare(controls, places, options, as_json=as_json)
    return FINISHED if is_complete else FAILED


def search_options(
    *,
    options: study.SearchArguments = study.SearchOptions(),  # noqa: B008
    controls: AllControls = Controls(),  # noqa: B008
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> int:
    """Search each method's options by optuna, with equally many trials, judged on D_val alone.

    A trial that falls behind is pruned, and counts. Existing trials are not trained again. After
    Ctrl-C, the same command continues.
    """
    places = places_at(runs_dir, data_dir)
    controls = with_opened(controls, places.data)
    allow_typed(controls.given)
    return FINISHED if study.run_search(controls, places, options, as_json=as_json) else FAILED


def duel(
    *,
    options: study.DuelArguments = study.DuelOptions(),  # noqa: B008
    controls: AllControls = Controls(),  # noqa: B008
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> int:
    """Compare two configurations over seeds: which one leads, by how much, and how certainly.

    Existing runs are not trained again. After Ctrl-C, the same command continues.
    """
    places = places_at(runs_dir, data_dir)
    controls = with_opened(controls, places.data)
    allow_typed(controls.given)
    return FINISHED if study.run_duel(controls, places, options, as_json=as_json) else FAILED
