"""A study: a question, the runs that answer it, and the sentence that they give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bikd_core.config import ConfigError, RunConfig
from bikd_core.data.possible import check_possible
from bikd_core.studies.entries import read_entry
from bikd_core.studies.splits import split_controls

if TYPE_CHECKING:
    from bikd_core.studies.results import Point, Results

MAX_RUNS = 100_000
_NO_CONTROLS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Cell:
    """One point of a study's grid, which is trained with each seed."""

    label: str  # in words
    entry: str  # a method and its options, as `bikd compare` takes them
    series: str = ""  # what the figure joins by a line
    x: float | str = ""  # where the figure draws it: a number, or a name
    controls: Mapping[str, Any] = field(default_factory=lambda: _NO_CONTROLS)

    @property
    def written(self) -> str:
        """The cell in a file of results: its entry, and the controls that it changes."""
        own = " ".join(f"{name}={value}" for name, value in self.controls.items())
        return f"{self.entry} {own}".strip()

    def config(self, base: RunConfig, seed: int) -> RunConfig:
        """Return the run of this cell with a seed, which has a split and a teacher of its own.

        Raises:
            ConfigError: The cell is not possible.
        """
        own = base.changed(**self.controls) if self.controls else base
        entry = read_entry(self.entry, own.flat())
        return entry.config(own, seed, **split_controls("follow", seed))


@dataclass(frozen=True)
class Design:
    """How a study is recorded on a data set."""

    seeds: tuple[int, ...]
    base: Mapping[str, Any]  # controls that all runs share, besides the data set's defaults


@dataclass(frozen=True)
class Study:
    """A question about the method, and how it is answered."""

    name: str
    title: str
    question: str
    why: str  # whose doubt it is
    designs: Mapping[str, Design]  # by data set; another one takes the first design
    cells: Callable[[str], Sequence[Cell]]  # of a data set
    verdict: Callable[[Results], str]
    x: str  # what the figure's axis shows
    measure: str = "accuracy"  # what the figure draws
    #: Makes the figure's points, where they are not the means of the cells.
    points: Callable[[Results], list[Point]] | None = None

    def design(self, dataset: str) -> Design:
        """Return the design for a data set."""
        return self.designs.get(dataset) or next(iter(self.designs.values()))


@dataclass(frozen=True)
class Grid:
    """The runs of a study on a data set.

    Args:
        study: The study.
        seeds: Of each cell.
        base: The controls that all runs share, besides the data set's defaults.

    Raises:
        ConfigError: There are too many runs.
    """

    study: Study
    seeds: tuple[int, ...]
    base: Mapping[str, Any]

    def __post_init__(self) -> None:
        if (number := len(self.cells) * len(self.seeds)) > MAX_RUNS:
            raise ConfigError(
                f"{len(self.seeds):,} seeds are not possible with {self.study.name}: that would be "
                f"{number:,} runs, and it must be at most {MAX_RUNS:,}."
            )

    @property
    def dataset(self) -> str:
        """The data set."""
        return str(self.base["dataset"])

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The cells for this data set, each once."""
        return tuple({cell.written: cell for cell in self.study.cells(self.dataset)}.values())

    def check(self) -> None:
        """Check every cell, before anything is trained.

        Raises:
            ConfigError: One is not possible; it is named.
        """
        base = RunConfig.from_flat(self.base)
        for cell in self.cells:
            try:
                check_possible(cell.config(base, self.seeds[0]))
            except ConfigError as error:
                raise ConfigError(f"{self.study.name}, {cell.label}: {error}") from error

    def runs(self) -> Iterator[tuple[Cell, int, RunConfig]]:
        """Yield every run, seed by seed, so that an interrupted study has complete seeds."""
        base = RunConfig.from_flat(self.base)
        for seed in self.seeds:
            for cell in self.cells:
                yield cell, seed, cell.config(base, seed)


def grid_of(
    study: Study, seeds: Sequence[int] = (), given: Mapping[str, Any] = _NO_CONTROLS
) -> Grid:
    """Return the grid of a study with controls of somebody's own.

    Args:
        study: The study.
        seeds: Of each cell; () takes those of the design.
        given: Controls that replace those of the design, the data set among them.

    Raises:
        ConfigError: A given control is one that the study sets, or there are too many runs.
    """
    dataset = str(given.get("dataset", next(iter(study.designs))))
    design = study.design(dataset)
    base = {"dataset": dataset, **design.base, **given}
    grid = Grid(study, tuple(seeds) or design.seeds, base)
    own = {name for cell in grid.cells for name in (*cell.controls, *_options(cell.entry))}
    if taken := sorted({*given} & {*own, "seed", "split_seed", "method"}):
        raise ConfigError(
            f"{taken[0]} = {given[taken[0]]!r} is not possible with {study.name}: the study sets "
            "it."
        )
    return grid


def _options(entry: str) -> list[str]:
    pieces = entry.partition(":")[2].split(",")
    return [piece.partition("=")[0] for piece in pieces if piece]
