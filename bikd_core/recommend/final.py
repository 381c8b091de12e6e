"""The runs that are kept and tested: what was chosen, and plain KD, each over the seeds."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

from bikd_core.answer.ledger import Run
from bikd_core.bench.turns import in_turns
from bikd_core.config import RunConfig
from bikd_core.config.together import batches_of
from bikd_core.places import Places
from bikd_core.recommend.gains import accuracies, gains
from bikd_core.recommend.judging import SEEDS, Judge
from bikd_core.recommend.predictions import Asked, Correctness, correctness_of
from bikd_core.recommend.record import Chosen, Group
from bikd_core.store import StoreError, UnknownRun, open_run
from bikd_core.store.archive import import_run
from bikd_core.store.record import MAX_NAME_LENGTH
from bikd_core.studies.executors import Executor
from bikd_core.studies.executors import executor as executors
from bikd_core.studies.executors.keep import KeptRun, train_and_keep


class Final:
    """Trains, keeps and tests.

    Args:
        places: Where runs, teachers and data sets lie.
        executor: What trains.
        judge: Knows the configs.
    """

    def __init__(self, places: Places, executor: Executor, judge: Judge) -> None:
        self.places, self.executor, self.judge = places, executor, judge

    def train(
        self,
        chosen: Chosen,
        keep_ids: Callable[[tuple[str, ...]], None],
        on_progress: Callable[[str, int, int], None],
    ) -> None:
        """Train the runs of a choice that are not in the store.

        Args:
            chosen: The choice.
            keep_ids: Called with the ids of the runs by seed, "" where there is none yet, each time
                that some of them are in the store.
            on_progress: Called as it goes on.

        Raises:
            StoreError: The store cannot be written.
            ValueError: A run failed.
        """
        configs = [self.judge.config(Run(chosen.entry, seed)) for seed in SEEDS]
        ids = [run_id if self._is_there(run_id) else "" for run_id in chosen.runs]
        ids += [""] * (len(SEEDS) - len(ids))
        what = f"runs of {chosen.title}"

        def keep(group: Sequence[RunConfig], ended: Sequence[Any]) -> None:
            for config, one in zip(group, ended, strict=True):
                ids[configs.index(config)] = self._stored(chosen, config, one)
            keep_ids(tuple(ids))
            on_progress(what, sum(map(bool, ids)), len(ids))

        missing = [config for config, run_id in zip(configs, ids, strict=True) if not run_id]
        on_progress(what, len(ids) - len(missing), len(ids))
        if missing:
            executors.execute(self.executor, train_and_keep, batches_of(missing), keep)

    def _is_there(self, run_id: str) -> bool:
        try:
            return bool(run_id) and open_run(self.places.runs, run_id).status().state == "finished"
        except UnknownRun:
            return False

    def _stored(self, chosen: Chosen, config: RunConfig, kept: Any) -> str:
        """Add a run to the store; return its id."""
        outcome = kept.outcome if isinstance(kept, KeptRun) else kept
        if outcome.failure:
            raise ValueError(f"{chosen.title} could not be trained: {outcome.failure}")
        folder = import_run(io.BytesIO(kept.run), self.places.runs)
        folder.rename(f"Recommended, seed {config.training.seed}: {chosen.title}"[:MAX_NAME_LENGTH])
        return folder.run_id

    def correctness_of(self, chosen: Chosen) -> list[Correctness]:
        """Return what the runs say of the test set, by seed.

        Raises:
            StoreError: A run cannot be read.
        """
        asked = [Asked(run_id, chosen.calibration) for run_id in chosen.runs]
        found: dict[Asked, Correctness] = {}

        def lost(one: Asked, reason: str) -> None:
            raise StoreError(f"The run {one.run_id} could not be tested: {reason}")

        self.executor.map(correctness_of, asked, found.__setitem__, lost)
        return [found[one] for one in asked]

    def groups(self, chosen: Chosen, reference: Chosen) -> tuple[int, dict[str, Group]]:
        """Return the number of test pictures, and what is gained on each group of classes."""
        own, others = self.correctness_of(chosen), self.correctness_of(reference)
        first, second = accuracies(own), accuracies(others)
        return len(own[0].labels), {
            name: Group(
                chosen=first[name],
                reference=second[name],
                gain=gain.mean,
                low=gain.low,
                high=gain.high,
                detectable=gain.detectable,
            )
            for name, gain in gains(own, others).items()
        }

    def costs_in_turns(self, chosen: Chosen, reference: Chosen, turns: int) -> list[float]:
        """Return how many times as long a step takes as the reference's, turn by turn.

        [] where they are the same run.
        """
        pair = [self.judge.config(Run(one.entry, SEEDS[0])) for one in (chosen, reference)]
        found: list[float] = []
        if pair[0] != pair[1]:
            self.executor.map(
                _ratios, [(pair[0], pair[1], turns)], lambda _, ratios: found.extend(ratios), _lost
            )
        return found


def _lost(item: object, reason: str) -> None:
    raise ValueError(f"What the recipe costs could not be measured: {reason}")


def _ratios(item: tuple[RunConfig, RunConfig, int], places: Places) -> list[float]:
    """Time steps of two runs in turns; return the ratio of each turn. A worker's job."""
    from bikd_core.training.measure import measure

    def seconds(config: RunConfig) -> float:
        speeds = measure(config, lambda: False)
        assert speeds is not None  # nobody cancels it
        return speeds.run.training

    own, other, turns = item
    ways = {"own": lambda: seconds(own), "other": lambda: seconds(other)}
    return [turn["own"] / turn["other"] for turn in in_turns(ways, turns)]
