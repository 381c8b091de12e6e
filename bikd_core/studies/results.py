"""The results of a study: its rows as plain data, its verdict, its figure, and how to cite it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from bikd_core.config import ConfigError, listed
from bikd_core.places import ASSETS
from bikd_core.studies import ledger
from bikd_core.studies.answer import interval
from bikd_core.studies.executors.outcome import MEASURES, Outcome
from bikd_core.studies.seeds import write_seeds
from bikd_core.studies.study import Cell, Grid, Study

RECORDED = ASSETS / "studies"
_ENDINGS = (".jsonl", ".jsonl.gz")

Run = tuple[str, int]  # a cell as it is written, and a seed


class Kept(NamedTuple):
    """The outcome of a run, and the versions that made it."""

    outcome: Outcome
    made_by: str


class StudyLedger(ledger.Ledger[Run, Kept]):
    """The results of a study in a file."""

    def __init__(self, path: Path, grid: Grid) -> None:
        head = {"study": grid.study.name, "base": grid.base, ledger.MEASURES: list(MEASURES)}
        super().__init__(path, head)

    def write_line(self, key: Run, value: Kept) -> ledger.Line:
        """Return the line of a run and its outcome."""
        outcome = value.outcome
        line: ledger.Line = {"cell": key[0], "seed": key[1]}
        if outcome.failure:
            line["failed"] = outcome.failure
            if outcome.diverged:
                line["diverged"] = True
        else:
            line["values"] = [outcome.measures.get(name) for name in self.head[ledger.MEASURES]]
        return line | {"seconds": outcome.seconds, "by": value.made_by}

    def read_line(self, line: ledger.Line) -> tuple[Run, Kept]:
        """Return the run of a line and its outcome."""
        values = line.get("values")
        names = self.head[ledger.MEASURES]
        outcome = Outcome(
            {} if values is None else dict(zip(names, values, strict=True)),
            {},
            float(line["seconds"]),
            "" if values is not None else str(line["failed"]),
            bool(line.get("diverged")),
        )
        return (str(line["cell"]), int(line["seed"])), Kept(outcome, str(line["by"]))


class Point(NamedTuple):
    """A point of a study's figure: a mean over seeds with its 95 % interval."""

    series: str
    x: float | str
    label: str
    mean: float
    low: float | None
    high: float | None
    values: dict[int, float]  # by seed


class Results:
    """What is known of a study on a data set.

    Args:
        grid: The runs that there should be.
        found: The results that there are.
    """

    def __init__(self, grid: Grid, found: Mapping[Run, Kept]) -> None:
        self.grid = grid
        self.found = {
            (cell.written, seed): found[cell.written, seed]
            for seed in grid.seeds
            for cell in grid.cells
            if (cell.written, seed) in found
        }

    @property
    def is_complete(self) -> bool:
        """Whether every run finished."""
        return not self.missing()

    def values(self, cell: Cell, measure: str = "accuracy") -> dict[int, float]:
        """Return a measure of a cell's finished runs, or their seconds, by seed."""
        found: dict[int, float] = {}
        for seed in self.grid.seeds:
            kept = self.found.get((cell.written, seed))
            if kept is None or kept.outcome.failure:
                continue
            outcome = kept.outcome
            value = outcome.seconds if measure == "seconds" else outcome.measures.get(measure)
            if value is not None:
                found[seed] = value
        return found

    def cells(self, series: str | None = None) -> list[Cell]:
        """Return the cells of a series, or all."""
        return [cell for cell in self.grid.cells if series in (None, cell.series)]

    def cell(self, label: str) -> Cell:
        """Return the cell with a label."""
        return next(cell for cell in self.grid.cells if cell.label == label)

    def missing(self) -> dict[str, str]:
        """Return by cell, in words, what is missing of it and why."""
        found: dict[str, str] = {}
        for cell in self.grid.cells:
            kept = [self.found.get((cell.written, seed)) for seed in self.grid.seeds]
            reasons = Counter(one.outcome.failure for one in kept if one and one.outcome.failure)
            number = sum(one is None for one in kept)
            parts = [f"{count} failed ({reason})" for reason, count in reasons.items()]
            parts += [f"{number} not trained yet"] if number else []
            if parts:
                found[cell.label] = f"{', '.join(parts)} of {len(kept)} seeds"
        return found

    # What a reader sees ----------------------------------------------------------------------

    def verdict(self) -> str:
        """Return the answer in words, its conditions, and what is missing for it."""
        done = any(not kept.outcome.failure for kept in self.found.values())
        said = self.grid.study.verdict(self) if done else "There is no answer yet."
        return " ".join([said, self.conditions(), *self._missing_in_words()])

    def conditions(self) -> str:
        """Return under which conditions the verdict holds."""
        number = len(self.grid.seeds)
        seeds = f"seed{'s' * (number > 1)} {write_seeds(self.grid.seeds)}"
        base = {name: value for name, value in self.grid.base.items() if name != "dataset"}
        controls = "".join(f", {name} = {value}" for name, value in base.items())
        return (
            f"({self.grid.dataset}{controls}; {seeds}, each with a split and a teacher of its own.)"
        )

    def _missing_in_words(self) -> list[str]:
        missing = self.missing()
        if not missing:
            return []
        untouched = [label for label, words in missing.items() if "failed" not in words]
        failed = [f"{label}: {words}" for label, words in missing.items() if "failed" in words]
        sentences = [f"Missing: {'; '.join(failed)}."] if failed else []
        if untouched:
            some = listed(untouched) if len(untouched) <= 3 else f"{len(untouched)} cells"
            sentences.append(f"Not all seeds are trained yet of {some}.")
        return sentences

    def points(self) -> list[Point]:
        """Return the points of the figure."""
        if self.grid.study.points is not None:
            return self.grid.study.points(self)
        return [
            point_of(cell.series, cell.x, cell.label, values)
            for cell in self.grid.cells
            if (values := self.values(cell, self.grid.study.measure))
        ]

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat row per run that ended: the raw table. Accuracies are fractions."""
        return [
            {
                "study": self.grid.study.name,
                "dataset": self.grid.dataset,
                "cell": cell.label,
                "series": cell.series,
                "x": cell.x,
                "entry": cell.written,
                "seed": seed,
                "state": "failed" if kept.outcome.failure else "finished",
                "failure": kept.outcome.failure,
                **{name: kept.outcome.measures.get(name) for name in MEASURES},
                "seconds": kept.outcome.seconds,
                "made_by": kept.made_by,
            }
            for cell in self.grid.cells
            for seed in self.grid.seeds
            if (kept := self.found.get((cell.written, seed))) is not None
        ]

    @cached_property
    def seconds(self) -> float | None:
        """The mean seconds of a finished run; None if there is none."""
        known = [kept.outcome.seconds for kept in self.found.values() if not kept.outcome.failure]
        return fmean(known) if known else None

    def cite(self) -> str:
        """Return what to cite: the study, its data and seeds, and the versions that made it."""
        study, grid = self.grid.study, self.grid
        made_by = sorted({kept.made_by for kept in self.found.values()})
        return (
            f"Bilevel Distillation Lab, study “{study.title}” ({study.name}) on {grid.dataset}, "
            f"{len(self.found):,} runs, seeds {write_seeds(grid.seeds)}; {listed(made_by)}."
        )

    def as_data(self) -> dict[str, Any]:
        """Return everything as plain data for JSON."""
        study = self.grid.study
        return {
            "study": study.name,
            "title": study.title,
            "question": study.question,
            "why": study.why,
            "dataset": self.grid.dataset,
            "base": self.grid.base,
            "seeds": list(self.grid.seeds),
            "verdict": self.verdict(),
            "missing": self.missing(),
            "figure": {
                "x": study.x,
                "measure": study.measure,
                "points": [point._asdict() for point in self.points()],
            },
            "cite": self.cite(),
            "rows": self.rows(),
        }


def point_of(series: str, x: float | str, label: str, values: Mapping[int, float]) -> Point:
    """Return the point of a cell's values by seed."""
    return Point(series, x, label, *interval([*values.values()]), dict(values))


def path_of(folder: Path, study: Study, dataset: str) -> Path:
    """Return the file of a study's results in a folder, which may be packed; it need not exist."""
    paths = [folder / f"{study.name}-{dataset}{ending}" for ending in _ENDINGS]
    return next((path for path in paths if path.exists()), paths[0])


def read_results(path: Path, study: Study) -> Results:
    """Return the results in a file, with the controls and seeds of that file.

    Raises:
        ConfigError: It is not there, or holds something else.
    """
    lines = ledger.whole_lines(path)
    if not lines:
        raise ConfigError(
            f"{path.name} is not in {path.parent}: `bikd study run {study.name}` trains it."
        )
    try:
        base = json.loads(lines[0])["base"]
        grid = Grid(study, (0,), base)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path.name} is not possible: it holds no results of a study."
        ) from error
    found = StudyLedger(path, grid).results
    seeds = tuple(sorted({seed for _, seed in found})) or grid.seeds
    return Results(Grid(study, seeds, base), found)
