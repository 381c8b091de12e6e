"""Methods × seeds as one queue of runs: what has run already counts, what is missing is run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, get_args

from bikd_core.config import METHOD_FACTS, ConfigError, RunConfig
from bikd_core.difference import differences
from bikd_core.events import EpochDone
from bikd_core.runs import RunManager, Snapshot
from bikd_core.studies.answer import Line, answer

ChosenEpoch = Literal["last", "val"]


@dataclass(frozen=True)
class Comparison:
    """Every method with every seed, all else the same.

    Args:
        base: All controls but method and seed.
        methods: Names, without repeats.
        seeds: Without repeats.
        reference: The method that the others' leads are over; one of `methods`.
        chosen: Which epoch counts: the last one, or the one of the lowest D_val loss. Never the
            test set chooses.

    Raises:
        ConfigError: A name is unknown, something is repeated or nothing is asked for.
    """

    base: RunConfig
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    reference: str
    chosen: ChosenEpoch = "last"

    def __post_init__(self) -> None:
        for name in (*self.methods, self.reference):
            if name not in METHOD_FACTS:
                raise ConfigError(
                    f"methods = {name!r} is not possible: each must be one of "
                    f"{', '.join(METHOD_FACTS)}."
                )
        for field, values in (("methods", self.methods), ("seeds", self.seeds)):
            if not values or len(set(values)) < len(values):
                raise ConfigError(
                    f"{field} = {', '.join(map(str, values))!r} is not possible: at least one, "
                    "each once."
                )
        if self.reference not in self.methods:
            raise ConfigError(
                f"reference = {self.reference!r} is not possible: it must be one of the methods "
                f"compared, {', '.join(self.methods)}."
            )
        if self.chosen not in get_args(ChosenEpoch):
            raise ConfigError(f"epoch = {self.chosen!r} is not possible: it must be last or val.")

    def configs(self) -> list[RunConfig]:
        """Every run's, seed by seed, so that an interrupted comparison has whole seeds."""
        return [
            self.base.changed(method=method, seed=seed)
            for seed in self.seeds
            for method in self.methods
        ]

    def answer(self, runs: Iterable[Snapshot]) -> list[Line]:
        """What the finished ones among these runs say."""
        chosen: dict[str, dict[int, EpochDone]] = {method: {} for method in self.methods}
        seconds: dict[str, list[float]] = {method: [] for method in self.methods}
        finished = [run for run in runs if counts(run)]
        for config in self.configs():
            run = next((run for run in finished if is_run_of(run, config)), None)
            if run is None:
                continue
            method = config.method.method
            chosen[method][config.training.seed] = self.epoch_of(run)
            seconds[method].append(fmean(epoch.seconds for epoch in run.epochs))
        means = {method: fmean(values) for method, values in seconds.items() if values}
        return answer(chosen, means, self.reference)

    def epoch_of(self, run: Snapshot) -> EpochDone:
        """The epoch of a finished run that counts."""
        if self.chosen == "val":
            return min(run.epochs, key=lambda epoch: epoch.val_loss)
        return run.epochs[-1]


def counts(run: Snapshot) -> bool:
    """It is finished, and nobody changed its learning rate while it trained."""
    was_tuned = any(change.control == "learning_rate" for change in run.controls)
    return run.state == "finished" and not was_tuned


def is_run_of(run: Snapshot, config: RunConfig) -> bool:
    """The run was asked what the config asks, in all that its method reads."""
    is_same_method = run.config.method.method == config.method.method
    return is_same_method and not differences(run.config, config)


def run_missing(
    comparison: Comparison, manager: RunManager, on_start: Callable[[RunConfig, str], None]
) -> list[str]:
    """Queue what has neither run nor waits; resume what ended early. Returns the ids, in order.

    Args:
        comparison: What is asked.
        manager: Whose runs count, and who trains the others.
        on_start: Called with the config and the id of each run that is queued.

    Raises:
        ConfigError: The data set cannot be cut as asked, or a model does not take its images.
        StoreError: A run's folder cannot be written.
    """
    there = manager.list()
    queued = []
    for config in comparison.configs():
        like_it = [run for run in there if is_run_of(run, config)]
        if any(counts(run) or not run.has_ended for run in like_it):
            continue
        run_id = _resumed(like_it, manager) or manager.start(config)
        queued.append(run_id)
        on_start(config, run_id)
    return queued


def _resumed(like_it: Sequence[Snapshot], manager: RunManager) -> str | None:
    """The newest run that ended early, queued again from its checkpoint; failed ones begin anew."""
    for run in like_it:
        if run.state in {"stopped", "interrupted"} and not any(
            change.control == "learning_rate" for change in run.controls
        ):
            manager.resume_from_checkpoint(run.run_id)
            return run.run_id
    return None
