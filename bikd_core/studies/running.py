"""Trains what a study still lacks, by any executor, and keeps each result at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bikd_core.config import ConfigError, RunConfig, is_read_by
from bikd_core.config.together import batches_of
from bikd_core.places import Places
from bikd_core.runs.estimate import speed_key
from bikd_core.speed import Speeds
from bikd_core.store.record import MAX_NAME_LENGTH
from bikd_core.studies.executors.executor import (
    Executor,
    Group,
    ShouldStop,
    Work,
    execute,
    never,
)
from bikd_core.studies.executors.keep import KeptRun, add_to_store
from bikd_core.studies.executors.outcome import Outcome
from bikd_core.studies.executors.parcel import split_of
from bikd_core.studies.executors.work import make_teachers, measure_speed, train_group
from bikd_core.studies.made_by import made_by
from bikd_core.studies.results import Kept, Results, Run, StudyLedger, path_of
from bikd_core.studies.study import Grid
from bikd_core.teachers.card import list_teachers


class Progress(NamedTuple):
    """How far a study is."""

    what: str  # what is being done
    done: int  # ended, be it well or not
    of: int
    failed: int = 0


class Running:
    """A study whose results grow.

    Args:
        grid: Its runs.
        folder: Holds, or receives, the file of its results.
        places: Where teachers lie.
    """

    def __init__(self, grid: Grid, folder: Path, places: Places) -> None:
        grid.check()
        self.grid, self.places = grid, places
        self.ledger = StudyLedger(path_of(folder, grid.study, grid.dataset), grid)
        self._labels = {cell.written: cell.label for cell in grid.cells}
        self.runs_of: dict[RunConfig, list[Run]] = {}
        for cell, seed, config in grid.runs():
            self.runs_of.setdefault(config, []).append((cell.written, seed))

    @property
    def results(self) -> Results:
        """The results so far."""
        return Results(self.grid, self.ledger.results)

    def is_done(self, config: RunConfig) -> bool:
        """Return whether a run finished, or would fail again as it did."""
        kept = [self.ledger.results.get(run) for run in self.runs_of[config]]
        return all(
            one is not None and (one.outcome.diverged or not one.outcome.failure) for one in kept
        )

    def missing(self) -> list[list[RunConfig]]:
        """Return the groups of which something is missing, each with just those runs.

        Which runs share steps decides the last digits of their results. It follows from the whole
        grid, not from what is missing, so an interruption changes no number.
        """
        groups = (
            [config for config in group if not self.is_done(config)]
            for group in batches_of(self.runs_of)
        )
        return [group for group in groups if group]

    def estimate(self, executor: Executor) -> float | None:
        """Return the seconds that what is missing takes, at most; None if it cannot be measured.

        A few steps of each kind of run are timed where the runs will be trained. Runs that share
        their steps take less.
        """
        missing = [config for group in self.missing() for config in group]
        kinds: dict[tuple[object, ...], RunConfig] = {}
        for config in missing:
            kinds.setdefault(speed_key(config), config)
        measured: dict[tuple[object, ...], Speeds | None] = {}

        def keep(config: RunConfig, speeds: Any) -> None:
            measured[speed_key(config)] = speeds

        executor.map(measure_speed, kinds.values(), keep, lambda config, reason: None)
        speeds = {key: found for key, found in measured.items() if found is not None}
        if len(speeds) < len(kinds):
            return None
        total = 0.0
        for config in missing:
            total += speeds[speed_key(config)].run.seconds(config.data, config.training.epochs)
        for config in self._lacking_teachers(missing):
            teacher = speeds[speed_key(config)].teacher
            epochs = RunConfig.from_flat({"dataset": config.data.dataset}).training.epochs
            total += 0.0 if teacher is None else teacher.seconds(config.data, epochs)
        return total / executor.slots

    def run(
        self,
        executor: Executor,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        should_stop: ShouldStop = never,
        work: Work[Group] = train_group,
    ) -> None:
        """Train all runs that are missing; each is in the file as soon as its group has ended.

        It may be interrupted at any time: the same call goes on.

        Args:
            executor: What trains them.
            on_progress: Called after each group.
            should_stop: Polled.
            work: `train_group`; or `train_and_keep`, and the runs are in the store, too.

        Raises:
            ConfigError: Another process adds results to the file.
            StoreError: The file, or the store, cannot be written; what ended before is in it.
        """
        with self._held():
            groups = self.missing()
            self._make_teachers(groups, executor, on_progress, should_stop)
            made, number, failed = made_by(), len(self.runs_of), 0
            done = number - sum(map(len, groups))
            on_progress(Progress("runs", done, number))

            def keep(group: Group, ended: Sequence[Outcome | KeptRun]) -> None:
                nonlocal done, failed
                outcomes = [
                    self._stored(config, one) if isinstance(one, KeptRun) else one
                    for config, one in zip(group, ended, strict=True)
                ]
                self.ledger.add(
                    (run, Kept(outcome, made))
                    for config, outcome in zip(group, outcomes, strict=True)
                    for run in self.runs_of[config]
                )
                done += len(group)
                failed += sum(bool(one.failure) for one in outcomes)
                on_progress(Progress("runs", done, number, failed))

            if groups:
                execute(executor, work, groups, keep, should_stop)

    def _stored(self, config: RunConfig, kept: KeptRun) -> Outcome:
        """Add a run to the store, named by the study and its cells; return its outcome."""
        labels = " / ".join(
            dict.fromkeys(self._labels[written] for written, _ in self.runs_of[config])
        )
        _, seed = self.runs_of[config][0]
        name = f"{self.grid.study.name}, seed {seed}: {labels}"
        add_to_store(kept, name[:MAX_NAME_LENGTH], self.places.runs)
        return kept.outcome

    def refill(self, found: Mapping[Run, Kept]) -> None:
        """Take results that are known from elsewhere, of runs that are missing."""
        with self._held():
            known = self.ledger.results
            self.ledger.add((run, kept) for run, kept in found.items() if run not in known)

    @contextmanager
    def _held(self) -> Iterator[None]:
        if self.ledger.path.suffix == ".gz":
            raise ConfigError(f"{self.ledger.path.name} is packed: gunzip it before it can grow.")
        with self.ledger.held():
            yield

    def _make_teachers(
        self,
        groups: Sequence[Group],
        executor: Executor,
        on_progress: Callable[[Progress], None],
        should_stop: ShouldStop,
    ) -> None:
        """Train the teachers that are not stored, so that no run waits for one of another run."""
        lacking = self._lacking_teachers([config for group in groups for config in group])
        done = 0

        def keep(config: RunConfig, found: Any) -> None:
            nonlocal done
            done += 1
            on_progress(Progress("teachers", done, len(lacking)))

        if lacking:
            on_progress(Progress("teachers", 0, len(lacking)))
            executor.map(make_teachers, lacking, keep, keep, should_stop)

    def _lacking_teachers(self, configs: Sequence[RunConfig]) -> list[RunConfig]:
        """Return a config for each teacher that no card promises."""
        cards = [card for _, card in list_teachers(self.places.teacher_folders())]
        stored = {
            (card.model, split_of(card.data), 0)
            for card in cards
            if not card.is_uploaded and card.without_fold is None
        }
        lacking: dict[object, RunConfig] = {}
        for config in configs:
            if needs_own_teacher(config):
                key = (
                    config.models.teacher_model,
                    split_of(config.data),
                    config.num_fold_teachers,
                )
                if key not in stored:
                    lacking.setdefault(key, config)
        return list(lacking.values())


def needs_own_teacher(config: RunConfig) -> bool:
    """Return whether a run asks a teacher that no name says."""
    return config.models.teacher == "auto" and is_read_by("teacher", config.flat())
