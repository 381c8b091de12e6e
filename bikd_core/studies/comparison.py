"""A comparison of methods over seeds. Runs that exist already count; only missing ones are run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Literal, get_args

from bikd_core.config import ConfigError, RunConfig
from bikd_core.config.auto import Choice, choice, table
from bikd_core.config.together import batches_of
from bikd_core.events import EpochDone
from bikd_core.runs import RunError, RunManager, Snapshot
from bikd_core.studies.answer import Interval, Line, answer, interval
from bikd_core.studies.calibration import (
    Calibration,
    check_fitted,
    read_calibration,
    with_class_biases,
)
from bikd_core.studies.entries import Entry, bracketed, read_entry
from bikd_core.studies.faults import check_faults, fault_controls, takes_best_test_epoch
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
        calibration: Which accuracy counts, of the entries that do not say it themselves.
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
    calibration: Calibration = "none"
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
        read_calibration(self.calibration)
        check_faults(self.faults)
        self._check_configs()

    def _read_entries(self) -> tuple[Entry, ...]:
        controls = self.base.flat()
        return tuple(read_entry(text, controls) for text in self.methods)

    @cached_property
    def labels(self) -> dict[str, str]:
        """The entries in words, by their text; what the base makes of a method is part of it."""
        labels = {entry.text: self._label_of(entry) for entry in self.entries}
        said = Counter(labels.values())
        return {
            text: label if said[label] == 1 else f"{label} [{text}]"
            for text, label in labels.items()
        }

    def _label_of(self, entry: Entry) -> str:
        config = self.config_of(entry, self.seeds[0])
        label = entry.label_in(config.flat())
        if self.calibration_of(entry) == "none" or config.protocol.train_on_val == "no":
            return label
        return bracketed(label, ["half of D_val not trained on"])

    def _check_configs(self) -> None:
        configs = [self.config_of(entry, self.seeds[0]) for entry in self.entries]
        calibrations = [self.calibration_of(entry) for entry in self.entries]
        check_splits(self.splits, self.seeds, configs)
        for number, config in enumerate(configs):
            for earlier, entry in zip(configs[:number], self.entries, strict=False):
                if config == earlier and calibrations[number] == self.calibration_of(entry):
                    raise ConfigError(
                        f"methods = {self.methods[number]!r} is not possible beside {entry.text!r}:"
                        " both are the same run."
                    )
            if calibrations[number] == "class_biases":
                check_fitted(config)
                self._check_last_epoch(self.entries[number])
            trains_on_val = config.protocol.train_on_val != "no"
            holds_out = config.protocol.hold_out_half
            if trains_on_val and not holds_out and self.chooses_by_val(self.entries[number]):
                raise ConfigError(
                    "epoch = 'val' is not possible where D_val is trained on: it must be last, or "
                    "hold_out_half must be on."
                )

    def _check_last_epoch(self, entry: Entry) -> None:
        if self._chosen_for(entry.method) == "last":
            return
        has_fault = "test_chosen_epoch" in self.faults
        cause = "the fault test_chosen_epoch" if has_fault else f"epoch = {self.chosen!r}"
        raise ConfigError(
            f"calibration = 'class_biases' is not possible with {cause}: the biases are fitted to "
            "the last epoch's student, so the last epoch must count."
        )

    def calibration_of(self, entry: Entry) -> Calibration:
        """Return which accuracy of an entry counts."""
        return entry.calibration or self.calibration

    @cached_property
    def calibrated(self) -> frozenset[RunConfig]:
        """The configs of runs whose class biases count: runs of earlier versions have none."""
        return frozenset(
            config for entry, config in self.grid() if self.calibration_of(entry) != "none"
        )

    def chooses_by_val(self, entry: Entry) -> bool:
        """Return whether D_val decides which epoch of the entry counts."""
        return self._chosen_for(entry.method) == "val"

    def _chosen_for(self, method: str) -> ChosenEpoch:
        if "test_chosen_epoch" in self.faults:
            return "test" if takes_best_test_epoch(method) else "val"
        return self.chosen

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
        """Return the config of every run, in the order of `grid`; two entries may share a run."""
        return list(dict.fromkeys(config for _, config in self.grid()))

    def finished(self, runs: Iterable[Snapshot]) -> dict[str, dict[int, Snapshot]]:
        """Return those of these runs that count, by entry and seed."""
        found: dict[str, dict[int, Snapshot]] = {text: {} for text in self.methods}
        comparable = [run for run in runs if is_comparable(run, self.calibrated)]
        for entry, config in self.grid():
            run = next((run for run in comparable if is_run_of(run, config)), None)
            if run is not None:
                found[entry.text][config.training.seed] = run
        return found

    def epochs_of(
        self, finished: Mapping[str, Mapping[int, Snapshot]]
    ) -> dict[str, dict[int, EpochDone]]:
        """Return the epochs that count of what `finished` returns, by entry and seed."""
        calibrations = {entry.text: self.calibration_of(entry) for entry in self.entries}
        return {
            text: {seed: self.epoch_of(run, calibrations[text]) for seed, run in by_seed.items()}
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
        lines = answer(self.epochs_of(found), seconds, self.reference, self.labels)
        return [
            line._replace(by_calibration=self._by_calibration(found[line.method].values()))
            for line in lines
        ]

    def _by_calibration(self, runs: Iterable[Snapshot]) -> dict[str, Interval]:
        """Return the balanced accuracy of runs without and with class biases, where all have them.

        Class biases belong to the last epoch, so there is nothing beside another one.
        """
        runs = list(runs)
        are_last = all(self._chosen_for(run.config.method.method) == "last" for run in runs)
        if not are_last or any(run.class_biases is None for run in runs):
            return {}
        return {
            calibration: interval([self.epoch_of(run, calibration).accuracy for run in runs])
            for calibration in get_args(Calibration)
        }

    def epoch_of(self, run: Snapshot, calibration: Calibration = "none") -> EpochDone:
        """Return the epoch of a finished run that counts, with its class biases if these count."""
        if calibration == "class_biases":
            return with_class_biases(run)
        chosen = self._chosen_for(run.config.method.method)
        if chosen == "val":
            return min(run.epochs, key=lambda epoch: epoch.rank_by_val)
        if chosen == "test":
            return max(run.epochs, key=lambda epoch: epoch.accuracy)
        return run.epochs[-1]


def is_run_of(run: Snapshot, config: RunConfig) -> bool:
    """Return whether a run is one of this config; "auto" is what it stands for on its device.

    So a run of an earlier version, whose default was "forward", is found by today's.
    """
    if run.config == config:
        return True
    if run.resolved is None or run.config.training.seed != config.training.seed:
        return False
    entry = (config.models.student, run.resolved.device)
    own, asked = run.config.read_by_method(), config.read_by_method()
    different = {name for name in own.keys() | asked.keys() if own.get(name) != asked.get(name)}
    if entry not in table() or not different <= set(Choice._fields):
        return False
    meant = choice(*entry)._asdict()
    return all(
        getattr(run.resolved, name) == (meant[name] if asked[name] == "auto" else asked[name])
        for name in different
    )


def is_comparable(run: Snapshot, calibrated: Container[RunConfig] = ()) -> bool:
    """Return whether a run counts: it finished, and its learning rate was not changed meanwhile.

    Args:
        run: The run.
        calibrated: Configs whose runs must have class biases too.
    """
    lacks_biases = run.class_biases is None and run.config in calibrated
    return run.state == "finished" and not was_tuned(run) and not lacks_biases


def was_tuned(run: Snapshot) -> bool:
    """Return whether somebody changed the run's learning rate while it trained."""
    return any(change.control == "learning_rate" for change in run.controls)


def queue_missing(
    configs: Iterable[RunConfig],
    manager: RunManager,
    on_start: Callable[[RunConfig, str], None] = lambda config, run_id: None,
    may_resume: Callable[[Snapshot], bool] = lambda run: True,
    calibrated: Container[RunConfig] = (),
) -> list[str]:
    """Queue missing runs, resume those that ended early, and return their ids in order.

    New runs of a kind train together where that pays.

    Args:
        configs: The runs that are needed.
        manager: Its existing runs count; it trains the others.
        on_start: Called with the config and the id of each queued run.
        may_resume: Whether a run that ended early may be resumed; if not, a new one is queued.
        calibrated: As for `is_comparable`.

    Raises:
        ConfigError: The split is impossible, or a model does not take the data set's images.
        StoreError: A run's folder cannot be written.
    """
    existing = manager.list()
    queued: list[str] = []
    new: list[RunConfig] = []

    def note(config: RunConfig, run_id: str) -> None:
        queued.append(run_id)
        on_start(config, run_id)

    resumed: set[str] = set()  # runs that go on, those included that trained with one of `queued`
    for config in configs:
        matching = [run for run in existing if is_run_of(run, config)]
        if any(is_comparable(run, calibrated) or not run.has_ended for run in matching):
            continue
        going = next((run.run_id for run in matching if run.run_id in resumed), None)
        if going is None:
            ids = _resume_newest(matching, manager, may_resume)
            resumed.update(ids)
            going = ids[0] if ids else None
        if going is None:
            new.append(config)
        else:
            note(config, going)
    for group in batches_of(new):
        for config, run_id in zip(group, manager.start_together(group), strict=True):
            note(config, run_id)
    return queued


def active_runs(
    configs: Iterable[RunConfig], manager: RunManager, calibrated: Container[RunConfig] = ()
) -> list[Snapshot]:
    """Return the runs of unfinished configs that train or wait; arguments as `queue_missing`."""
    existing = manager.list()
    found = []
    for config in configs:
        matching = [run for run in existing if is_run_of(run, config)]
        if not any(is_comparable(run, calibrated) for run in matching):
            found += [run for run in matching if not run.has_ended][:1]
    return found


def _resume_newest(
    matching: Sequence[Snapshot], manager: RunManager, may_resume: Callable[[Snapshot], bool]
) -> list[str]:
    """Resume the newest run that ended early; return its id, then of those that it trains with.

    Failed runs are not resumed, nor those that a run they trained with is missing for.
    """
    for run in matching:
        ended_early = run.state in {"stopped", "interrupted"}
        if ended_early and not was_tuned(run) and may_resume(run):
            with suppress(RunError):
                return manager.resume_from_checkpoint(run.run_id)
    return []
