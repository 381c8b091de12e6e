"""What executors cost: many runs that do nothing, and the same real ones by each of them."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import fmean

from bikd_core.bench.report import Row
from bikd_core.config import RunConfig
from bikd_core.places import Places
from bikd_core.studies.executors import MEASURES, Executor, LocalExecutor, Outcome
from bikd_core.studies.executors.executor import Group, Work
from bikd_core.studies.executors.work import train_group
from bikd_core.studies.questions.common import DIGITS
from bikd_core.studies.running import Running
from bikd_core.studies.study import Cell, Grid, Study

_NUM_CELLS = 100


def do_nothing(configs: Sequence[RunConfig], places: Places) -> list[Outcome]:
    """Return the outcome of runs at once: all that is left is what scheduling them costs."""
    measures = dict.fromkeys(MEASURES, 0.5)
    return [Outcome(measures, {}, 0.0) for _ in configs]


def prepare_nothing() -> None:
    """Prepare a process for that: not even torch is imported."""


def measure(num_stubs: int, num_runs: int, address: str) -> Iterator[Row]:
    """Yield how long it takes to schedule runs that do nothing, then to train real ones.

    Args:
        num_stubs: Runs that do nothing; 0 leaves them out.
        num_runs: Real ones, of a few epochs on digits; 0 leaves them out.
        address: A Ray cluster, or "local"; "" leaves it out.
    """
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        places = Places.at(home)
        if num_stubs:
            cells = min(_NUM_CELLS, num_stubs)
            grid = _grid(cells, num_stubs // cells, "ce:learning_rate={}")
            idle = LocalExecutor(places, prepare=prepare_nothing)
            yield _row("local, stubs", grid, home / "stubs", nullcontext(idle), do_nothing)
            if address:
                yield _row("ray, stubs", grid, home / "ray", _ray(places, address), do_nothing)
        if num_runs:
            # A student that shares no steps, so that each run is a task of its own.
            own = "kd:kd_alpha={},batch_size=32,precision=float32"
            grid = _grid(num_runs, 1, own, student="digits_cnn_l", epochs=10)
            for jobs in (1, 2):
                executor = nullcontext(LocalExecutor(places, jobs))
                folder = home / f"local-{jobs}"
                yield _row(f"local, {jobs} processes", grid, folder, executor, train_group)
            if address:
                folder = home / "ray-runs"
                yield _row("ray", grid, folder, _ray(places, address), train_group)


def _ray(places: Places, address: str) -> AbstractContextManager[Executor]:
    from bikd_core.studies.executors.cluster import RayExecutor

    return RayExecutor(places, address)


def _grid(num_cells: int, num_seeds: int, entry: str, **base: object) -> Grid:
    """Return a grid of as many cells and seeds; the entry has a place for a number below 1."""
    rates = [(number + 1) / (num_cells + 1) for number in range(num_cells)]
    cells = tuple(Cell(f"{rate:.6f}", entry.format(f"{rate:.6f}")) for rate in rates)
    study = Study(
        "bench", "", "", "", {"digits": DIGITS}, lambda _: cells, lambda _: "", "", points=None
    )
    return Grid(study, tuple(range(num_seeds)), {"dataset": "digits", **base})


def _row(
    name: str,
    grid: Grid,
    folder: Path,
    entered: AbstractContextManager[Executor],
    work: Work[Group],
) -> Row:
    began = time.perf_counter()
    running = Running(grid, folder, Places.at(folder.parent))
    planned = time.perf_counter()
    with entered as executor:
        start = time.perf_counter()
        running.run(executor, work=work)
        ended = time.perf_counter()
        slots = executor.slots
    own = [kept.outcome.seconds for kept in running.ledger.results.values()]
    return {
        "executor": name,
        "runs": len(own),
        "at_a_time": slots,
        "plan_s": planned - began,
        "run_s": ended - start,
        "training_s_per_run": fmean(own),
        "peak_mb": _peak_mb(),
    }


def _peak_mb() -> float:
    """Return the most memory that this process has taken so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
