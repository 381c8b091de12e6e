"""How a comparison stands: which of its runs is there, trains, waits, failed or is missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bikd_core.config import RunConfig, is_read_by
from bikd_core.runs import RunManager, Snapshot
from bikd_core.runs.estimate import decisive
from bikd_core.studies.comparison import Comparison, counts


class Place(NamedTuple):
    """One method with one seed, and the run that stands there, if any."""

    method: str  # as the comparison names it
    seed: int
    config: RunConfig
    run: Snapshot | None

    @property
    def is_done(self) -> bool:
        """Its run is finished and counts."""
        return self.run is not None and counts(self.run)

    @property
    def is_active(self) -> bool:
        """Its run trains or waits."""
        return self.run is not None and not self.run.has_ended

    @property
    def is_missing(self) -> bool:
        """Start would queue a run here: none is there, or it failed or ended early."""
        return not self.is_done and not self.is_active


def standing(comparison: Comparison, runs: Iterable[Snapshot]) -> list[Place]:
    """Every place of a comparison, seed by seed.

    Of several runs the finished one stands there, else one that trains or waits, else the newest.

    Args:
        comparison: What is asked.
        runs: All that might be its runs, newest first.
    """
    by_config: dict[RunConfig, list[Snapshot]] = {}
    for run in runs:
        if run.state != "finished" or counts(run):
            by_config.setdefault(run.config, []).append(run)
    questions = ((seed, method) for seed in comparison.seeds for method in comparison.methods)
    return [
        Place(method, seed, config, _best(by_config.get(config, [])))
        for (seed, method), config in zip(questions, comparison.configs(), strict=True)
    ]


def _best(like_it: list[Snapshot]) -> Snapshot | None:
    """The run that counts, or will, or did not come to it."""

    def rank(run: Snapshot) -> int:
        return 0 if counts(run) else 2 if run.has_ended else 1

    return min(like_it, key=rank, default=None)  # the first of equals: the newest


def seconds_to_go(places: Iterable[Place], manager: RunManager) -> float | None:
    """Of training until every place is done; a teacher that they lack is trained once.

    Returns:
        None while it is not known: ask again in a second or two.

    Raises:
        ConfigError: The data set cannot be cut as asked, or a model does not take its images.
    """
    to_do = [place for place in places if not place.is_done]
    if not to_do:
        return 0.0
    known: dict[tuple[object, ...], float] = {}
    for place in to_do:
        key = (*decisive(place.config), place.config.training.epochs)
        if key in known:
            continue
        # A teacher of any name counts as trained already.
        seconds = manager.estimate(place.config.changed(teacher="stored"))
        if seconds is None:
            return None
        known[key] = seconds
    total = sum(
        known[*decisive(place.config), place.config.training.epochs] * _share_left(place)
        for place in to_do
    )
    return total + _seconds_of_teacher(to_do, manager)


def _share_left(place: Place) -> float:
    if place.run is None or place.run.state == "failed":
        return 1.0
    return 1 - len(place.run.epochs) / place.config.training.epochs


def _seconds_of_teacher(to_do: list[Place], manager: RunManager) -> float:
    """Of the training of the teacher that the first run which needs one would begin with."""
    for place in to_do:
        if place.config.models.teacher == "auto" and is_read_by("teacher", _method(place)):
            whole = manager.estimate(place.config)
            without = manager.estimate(place.config.changed(teacher="stored"))
            return 0.0 if whole is None or without is None else whole - without
    return 0.0


def _method(place: Place) -> str:
    return place.config.method.method
