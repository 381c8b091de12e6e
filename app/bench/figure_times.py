"""`python -m app.bench.figure_times RUNS RUN_ID`: how long the figures of a run's last epoch take.

For the benchmark, which may not import the app. Prints one JSON object: by view and figure, the
seconds of the first drawing, which reads files, and the median of the next ones.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

from app.lab.views import VIEWS, Moment
from app.lab.views.view import Figure
from bikd_core.runs.history import History
from bikd_core.store import open_run

REPEATS = 9


def seconds_of(figure: Figure, moment: Moment) -> list[float]:
    """Return the seconds that each repeated drawing of one figure takes."""
    taken = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        figure.draw(moment)
        taken.append(time.perf_counter() - start)
    return taken


def main(runs: str, run_id: str) -> None:
    """Print the times of every view."""
    snapshot = History(open_run(Path(runs), run_id), is_ours=True).snapshot()
    found = {}
    for by_class in (False, True):
        moment = Moment(snapshot, len(snapshot.epochs), by_class)
        for view in VIEWS:
            figures = [figure for row in view.rows for figure in row]
            if figures:
                times = {figure.name: seconds_of(figure, moment) for figure in figures}
                found[f"{view.name}, by {'class' if by_class else 'group'}"] = {
                    name: {"first": taken[0], "median": statistics.median(taken[1:])}
                    for name, taken in times.items()
                }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
