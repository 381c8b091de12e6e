"""The planned runs of a comparison: which are done, train, wait, failed or are missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bikd_core.config import RunConfig, is_read_by
from bikd_core.runs import RunManager, Snapshot
from bikd_core.runs.estimate import speed_key
from bikd_core.studies.comparison import Comparison, is_comparable


class PlannedRun(NamedTuple):
    """One method with one seed of a comparison, and the existing run for it, if any."""

    method: str  # the entry as text
    seed: int
    config: RunConfig
    run: Snapshot | None

    @property
    def is_done(self) -> bool:
        """Whether its run finished and counts."""
        return self.run is not None and is_comparable(self.run)

    @property
    def is_active(self) -> bool:
        """Whether its run trains or waits."""
        return self.run is not None and not self.run.has_ended

    @property
    def is_missing(self) -> bool:
        """Whether Start would queue it: it has no run, or its run failed or ended early."""
        return not self.is_done and not self.is_active


def planned_runs(comparison: Comparison, runs: Iterable[Snapshot]) -> list[PlannedRun]:
    """Return every planned run of a comparison, seed by seed, with its existing run.

    If several runs match, it is the finished one, else one that trains or waits, else the newest.

    Args:
        comparison: Plans the runs.
        runs: All runs that may match, newest first.
    """
    by_config: dict[RunConfig, list[Snapshot]] = {}
    for run in runs:
        if run.state != "finished" or is_comparable(run, comparison.calibrated):
            by_config.setdefault(run.config, []).append(run)
    return [
        PlannedRun(entry.text, config.training.seed, config, _best(by_config.get(config, [])))
        for entry, config in comparison.grid()
    ]


def _best(matching: list[Snapshot]) -> Snapshot | None:
    """Return the run that counts, else one that may still count, else the newest."""

    def rank(run: Snapshot) -> int:
        return 0 if is_comparable(run) else 2 if run.has_ended else 1

    return min(matching, key=rank, default=None)  # the first of equals, so the newest


def each_once(planned: Iterable[PlannedRun]) -> list[PlannedRun]:
    """Return one planned run for each config: entries may share runs."""
    first: dict[RunConfig, PlannedRun] = {}
    for one in planned:
        first.setdefault(one.config, one)
    return list(first.values())


def seconds_to_go(planned: Iterable[PlannedRun], manager: RunManager) -> float | None:
    """Return the seconds of training left until all are done, with a teacher for each split.

    Returns:
        None while the time is not known yet: ask again in a second or two.

    Raises:
        ConfigError: The split is impossible, or a model does not take the data set's images.
    """
    to_do = [one for one in each_once(planned) if not one.is_done]
    if not to_do:
        return 0.0
    known: dict[tuple[object, ...], float] = {}
    total = 0.0
    for one in to_do:
        key = (*speed_key(one.config), one.config.training.epochs)
        if key not in known:
            # With a teacher's name the estimate leaves its training out.
            seconds = manager.estimate(one.config.changed(teacher="stored"))
            if seconds is None:
                return None
            known[key] = seconds
        total += known[key] * _share_left(one)
    return total + _teacher_seconds(to_do, manager)


def _share_left(planned: PlannedRun) -> float:
    if planned.run is None or planned.run.state == "failed":
        return 1.0
    return 1 - len(planned.run.epochs) / planned.config.training.epochs


def _teacher_seconds(to_do: list[PlannedRun], manager: RunManager) -> float:
    """Return the seconds that the first run of each split spends on training a teacher."""
    total = 0.0
    known: set[int] = set()
    for one in to_do:
        config, split = one.config, one.config.data.split_seed
        needs_one = config.models.teacher == "auto" and is_read_by("teacher", config.flat())
        if needs_one and split not in known:
            known.add(split)
            whole = manager.estimate(config)
            without = manager.estimate(config.changed(teacher="stored"))
            total += 0.0 if whole is None or without is None else whole - without
    return total
