"""`python -m app.bench.figure_times RUNS RUN_ID`: how long the figures of a run's last epoch take.

For the benchmark, which may not import the app. Prints one JSON object: seconds by view and figure,
the first time (files are read) and the median of the next ones.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

from app.lab.moment import Choices, Moment
from app.lab.show_view import FIGURES, VIEWS
from bikd_core.runs.history import History
from bikd_core.store import open_run

REPEATS = 9


def seconds_of(name: str, moment: Moment) -> list[float]:
    """Of building one figure, again and again."""
    taken = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        FIGURES[name](moment)
        taken.append(time.perf_counter() - start)
    return taken


def main(runs: str, run_id: str) -> None:
    """Print the times of every view."""
    snapshot = History(open_run(Path(runs), run_id), is_ours=True).snapshot()
    assert snapshot.resolved is not None
    found = {}
    for by_class in (False, True):
        moment = Moment(
            snapshot, snapshot.resolved, snapshot.epochs[-1], Choices(by_class=by_class)
        )
        for view, rows in VIEWS.items():
            times = {name: seconds_of(name, moment) for row in rows for name in row}
            if times:
                found[f"{view}, by {'class' if by_class else 'group'}"] = {
                    name: {"first": taken[0], "median": statistics.median(taken[1:])}
                    for name, taken in times.items()
                }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
