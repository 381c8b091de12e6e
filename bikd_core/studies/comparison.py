"""A comparison of methods over seeds. Runs that exist already count; only missing ones are run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Literal, get_args

from bikd_core.config import ConfigError, RunConfig
from bikd_core.events import EpochDone
from bikd_core.runs import RunManager, Snapshot
from bikd_core.studies.answer import Line, answer
from bikd_core.studies.entries import Entry, read_entry
from bikd_core.studies.faults import FAULTS, fault_controls, takes_best_test_epoch
from bikd_core.studies.splits import Splits, check_splits, split_controls

ChosenEpoch = Literal["last", "val", "test"]
#: Each way to choose the epoch that counts, in words.
EPOCH_WORDS: dict[str, str] = {
    "last": "last epoch",
    "val": "epoch of the lowest D_val loss",
    "test": "best epoch on the TEST set: a fault of the published comparison",
}


@dataclass(frozen=True)
class Comparison:
    """Every entry with every seed, with all other controls the same.

    Args:
        base: All controls except method and seed.
        methods: Entries as text, without repeats: `kd`, `bikd:prior=both`.
        seeds: Without repeats.
        reference: The entry that the others are compared to; one of `methods`.
        chosen: The epoch that counts: the last one, the one with the lowest D_val loss, or the best
            one on the test set, which is a fault and is named as one.
        faults: Faults of the published comparison, by their names in `FAULTS`. Without any, the
            comparison is fair.
        splits: Whether the split of a run is its seed's, or the base's.

    Raises:
        ConfigError: A name is unknown, something is repeated, or `methods` or `seeds` is empty.
    """

    base: RunConfig
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    reference: str
    chosen: ChosenEpoch = "last"
    faults: tuple[str, ...] = ()
    splits: Splits = "fixed"
    entries: tuple[Entry, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "entries", self._read_entries())
        for name, values in (("methods", self.methods), ("seeds", self.seeds)):
            if not values or len(set(values)) < len(values):
                raise ConfigError(
                    f"{name} = {', '.join(map(str, values))!r} is not possible: it must hold at "
                    "least one, each only once."
                )
        if self.reference not in self.methods:
            raise ConfigError(
                f"reference = {self.reference!r} is not possible: it must be one of the compared "
                f"methods, {', '.join(self.methods)}."
            )
        if self.chosen not in get_args(ChosenEpoch):
            raise ConfigError(
                f"epoch = {self.chosen!r} is not possible: it must be last, val or test."
            )
        if unknown := [name for name in self.faults if name not in FAULTS]:
            raise ConfigError(
                f"faults = {unknown[0]!r} is not possible: each must be one of {', '.join(FAULTS)}."
            )
        self._check_configs()

    def _read_entries(self) -> tuple[Entry, ...]:
        controls = self.base.flat()
        return tuple(read_entry(text, controls) for text in self.methods)

    @cached_property
    def labels(self) -> dict[str, str]:
        """The entries in words, by their text; what the base makes of a method is part of it."""
        labels = {
            entry.text: entry.label_in(self.config_of(entry, self.seeds[0]).flat())
            for entry in self.entries
        }
        said = Counter(labels.values())
        return {
            text: label if said[label] == 1 else f"{label} [{text}]"
            for text, label in labels.items()
        }

    def _check_configs(self) -> None:
        configs = [self.config_of(entry, self.seeds[0]) for entry in self.entries]
        check_splits(self.splits, self.seeds, configs)
        for number, config in enumerate(configs):
            for earlier, text in zip(configs[:number], self.methods, strict=False):
                if config == earlier:
                    raise ConfigError(
                        f"methods = {self.methods[number]!r} is not possible beside {text!r}: "
                        "both are the same run."
                    )
            trains_on_val = config.protocol.train_on_val != "no"
            holds_out = config.protocol.hold_out_half
            if trains_on_val and not holds_out and self.chooses_by_val(self.entries[number]):
                raise ConfigError(
                    "epoch = 'val' is not possible where D_val is trained on: it must be last, or "
                    "hold_out_half must be on."
                )

    def chooses_by_val(self, entry: Entry) -> bool:
        """Return whether D_val decides which epoch of the entry counts."""
        if "test_chosen_epoch" in self.faults:
            return not takes_best_test_epoch(entry.method)
        return self.chosen == "val"

    def config_of(self, entry: Entry, seed: int) -> RunConfig:
        """Return the config of an entry with a seed; its own options override those of faults."""
        own = fault_controls(entry.method, self.faults) | split_controls(self.splits, seed)
        return entry.config(self.base, seed, **own)

    def grid(self) -> list[tuple[Entry, RunConfig]]:
        """Return every run, seed by seed, so that an interrupted comparison has complete seeds."""
        return [
            (entry, self.config_of(entry, seed)) for seed in self.seeds for entry in self.entries
        ]

    def configs(self) -> list[RunConfig]:
        """Return the config of every run, in the order of `grid`."""
        return [config for _, config in self.grid()]

    def finished(self, runs: Iterable[Snapshot]) -> dict[str, dict[int, Snapshot]]:
        """Return those of these runs that count, by entry and seed."""
        found: dict[str, dict[int, Snapshot]] = {text: {} for text in self.methods}
        comparable = [run for run in runs if is_comparable(run)]
        for entry, config in self.grid():
            run = next((run for run in comparable if run.config == config), None)
            if run is not None:
                found[entry.text][config.training.seed] = run
        return found

    def epochs_of(
        self, finished: Mapping[str, Mapping[int, Snapshot]]
    ) -> dict[str, dict[int, EpochDone]]:
        """Return the epochs that count of what `finished` returns, by entry and seed."""
        return {
            text: {seed: self.epoch_of(run) for seed, run in by_seed.items()}
            for text, by_seed in finished.items()
        }

    def answer(self, runs: Iterable[Snapshot]) -> list[Line]:
        """Return the answer that the finished ones among these runs give."""
        found = self.finished(runs)
        seconds = {
            text: fmean(fmean(epoch.seconds for epoch in run.epochs) for run in by_seed.values())
            for text, by_seed in found.items()
            if by_seed
        }
        return answer(self.epochs_of(found), seconds, self.reference, self.labels)

    def epoch_of(self, run: Snapshot) -> EpochDone:
        """Return the epoch of a finished run that counts."""
        chosen = self.chosen
        if "test_chosen_epoch" in self.faults:
            chosen = "test" if takes_best_test_epoch(run.config.method.method) else "val"
        if chosen == "val":
            return min(run.epochs, key=lambda epoch: epoch.val_loss)
        if chosen == "test":
            return max(run.epochs, key=lambda epoch: epoch.accuracy)
        return run.epochs[-1]


def is_comparable(run: Snapshot) -> bool:
    """Return whether a run counts: it finished, and its learning rate was not changed meanwhile."""
    return run.state == "finished" and not was_tuned(run)


def was_tuned(run: Snapshot) -> bool:
    """Return whether somebody changed the run's learning rate while it trained."""
    return any(change.control == "learning_rate" for change in run.controls)


def queue_missing(
    configs: Iterable[RunConfig],
    manager: RunManager,
    on_start: Callable[[RunConfig, str], None] = lambda config, run_id: None,
    may_resume: Callable[[Snapshot], bool] = lambda run: True,
) -> list[str]:
    """Queue missing runs, resume those that ended early, and return their ids in order.

    Args:
        configs: The runs that are needed.
        manager: Its existing runs count; it trains the others.
        on_start: Called with the config and the id of each queued run.
        may_resume: Whether a run that ended early may be resumed; if not, a new one is queued.

    Raises:
        ConfigError: The split is impossible, or a model does not take the data set's images.
        StoreError: A run's folder cannot be written.
    """
    existing = manager.list()
    queued = []
    for config in configs:
        matching = [run for run in existing if run.config == config]
        if any(is_comparable(run) or not run.has_ended for run in matching):
            continue
        run_id = _resume_newest(matching, manager, may_resume) or manager.start(config)
        queued.append(run_id)
        on_start(config, run_id)
    return queued


def active_runs(configs: Iterable[RunConfig], manager: RunManager) -> list[Snapshot]:
    """Return the runs of unfinished configs that train or wait, whoever started them."""
    existing = manager.list()
    found = []
    for config in configs:
        matching = [run for run in existing if run.config == config]
        if not any(is_comparable(run) for run in matching):
            found += [run for run in matching if not run.has_ended][:1]
    return found


def _resume_newest(
    matching: Sequence[Snapshot], manager: RunManager, may_resume: Callable[[Snapshot], bool]
) -> str | None:
    """Resume the newest run that ended early and return its id; failed runs are not resumed."""
    for run in matching:
        ended_early = run.state in {"stopped", "interrupted"}
        if ended_early and not was_tuned(run) and may_resume(run):
            manager.resume_from_checkpoint(run.run_id)
            return run.run_id
    return None
