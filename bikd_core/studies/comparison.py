"""Methods × seeds as one queue of runs: what has run already counts, what is missing is run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal, get_args

from bikd_core.config import ConfigError, RunConfig
from bikd_core.events import EpochDone
from bikd_core.runs import RunManager, Snapshot
from bikd_core.studies.answer import Line, answer
from bikd_core.studies.entries import Entry, read_entry
from bikd_core.studies.faults import FAULTS, changes, is_chosen_by_test

ChosenEpoch = Literal["last", "val", "test"]
#: What is said of each choice of an epoch.
EPOCH_WORDS: dict[str, str] = {
    "last": "last epoch",
    "val": "epoch of the lowest D_val loss",
    "test": "best epoch on the TEST set: a fault of the published comparison",
}


@dataclass(frozen=True)
class Comparison:
    """Every entry with every seed, all else the same.

    Args:
        base: All controls but method and seed.
        methods: Entries as texts, without repeats: `kd`, `bikd:prior=both`.
        seeds: Without repeats.
        reference: The entry that the others' leads are over; one of `methods`.
        chosen: Which epoch counts: the last one, the one of the lowest D_val loss, or, as a fault
            that is named as such, the best one on the test set.
        faults: Faults of the published comparison, names in `FAULTS`; none: it is fair.

    Raises:
        ConfigError: A name is unknown, something is repeated or nothing is asked for.
    """

    base: RunConfig
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    reference: str
    chosen: ChosenEpoch = "last"
    faults: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "entries", tuple(read_entry(text) for text in self.methods))
        for name, values in (("methods", self.methods), ("seeds", self.seeds)):
            if not values or len(set(values)) < len(values):
                raise ConfigError(
                    f"{name} = {', '.join(map(str, values))!r} is not possible: at least one, "
                    "each once."
                )
        if self.reference not in self.methods:
            raise ConfigError(
                f"reference = {self.reference!r} is not possible: it must be one of the methods "
                f"compared, {', '.join(self.methods)}."
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

    def _check_configs(self) -> None:
        configs = [self.config_of(entry, self.seeds[0]) for entry in self.entries]
        for number, config in enumerate(configs):
            for other, text in zip(configs[:number], self.methods, strict=False):
                if config == other:
                    raise ConfigError(
                        f"methods = {self.methods[number]!r} is not possible beside {text!r}: "
                        "both are the same run."
                    )
            is_in_training = config.protocol.train_on_val != "no"
            is_measured = config.protocol.hold_out_half
            if is_in_training and not is_measured and self.chooses_by_val(self.entries[number]):
                raise ConfigError(
                    "epoch = 'val' is not possible where D_val is trained on: it must be last, or "
                    "hold_out_half must be on."
                )

    def chooses_by_val(self, entry: Entry) -> bool:
        """Whether D_val decides which epoch of the entry counts."""
        if "test_chosen_epoch" in self.faults:
            return not is_chosen_by_test(entry.method)
        return self.chosen == "val"

    def config_of(self, entry: Entry, seed: int) -> RunConfig:
        """The run of an entry with a seed, faults included; an entry's own options stand above."""
        return entry.config(self.base, seed, **changes(entry.method, self.faults))

    def runs_asked(self) -> list[tuple[Entry, RunConfig]]:
        """Every run, seed by seed, so that an interrupted comparison has whole seeds."""
        return [
            (entry, self.config_of(entry, seed)) for seed in self.seeds for entry in self.entries
        ]

    def configs(self) -> list[RunConfig]:
        """Every run's config, in the order of `runs_asked`."""
        return [config for _, config in self.runs_asked()]

    def answer(self, runs: Iterable[Snapshot]) -> list[Line]:
        """What the finished ones among these runs say."""
        chosen: dict[str, dict[int, EpochDone]] = {text: {} for text in self.methods}
        seconds: dict[str, list[float]] = {text: [] for text in self.methods}
        finished = [run for run in runs if counts(run)]
        for entry, config in self.runs_asked():
            run = next((run for run in finished if is_run_of(run, config)), None)
            if run is None:
                continue
            chosen[entry.text][config.training.seed] = self.epoch_of(run)
            seconds[entry.text].append(fmean(epoch.seconds for epoch in run.epochs))
        means = {text: fmean(values) for text, values in seconds.items() if values}
        return answer(chosen, means, self.reference)

    def epoch_of(self, run: Snapshot) -> EpochDone:
        """The epoch of a finished run that counts."""
        chosen = self.chosen
        if "test_chosen_epoch" in self.faults:
            chosen = "test" if is_chosen_by_test(run.config.method.method) else "val"
        if chosen == "val":
            return min(run.epochs, key=lambda epoch: epoch.val_loss)
        if chosen == "test":
            return max(run.epochs, key=lambda epoch: epoch.accuracy)
        return run.epochs[-1]


def counts(run: Snapshot) -> bool:
    """It is finished, and nobody changed its learning rate while it trained."""
    return run.state == "finished" and not _was_tuned(run)


def _was_tuned(run: Snapshot) -> bool:
    return any(change.control == "learning_rate" for change in run.controls)


def is_run_of(run: Snapshot, config: RunConfig) -> bool:
    """The run was asked what the config asks, in all that its method reads."""
    return run.config == config


def queue_missing(
    configs: Iterable[RunConfig],
    manager: RunManager,
    on_start: Callable[[RunConfig, str], None] = lambda config, run_id: None,
    may_resume: Callable[[Snapshot], bool] = lambda run: True,
) -> list[str]:
    """Queue what has neither run nor waits; resume what ended early. Returns the ids, in order.

    Args:
        configs: What is asked.
        manager: Whose runs count, and who trains the others.
        on_start: Called with the config and the id of each run that is queued.
        may_resume: Asked of a run that ended early; where it may not, another one begins anew.

    Raises:
        ConfigError: The data set cannot be cut as asked, or a model does not take its images.
        StoreError: A run's folder cannot be written.
    """
    there = manager.list()
    queued = []
    for config in configs:
        like_it = [run for run in there if is_run_of(run, config)]
        if any(counts(run) or not run.has_ended for run in like_it):
            continue
        run_id = _resumed(like_it, manager, may_resume) or manager.start(config)
        queued.append(run_id)
        on_start(config, run_id)
    return queued


def under_way(configs: Iterable[RunConfig], manager: RunManager) -> list[Snapshot]:
    """The runs that train or wait where none counts yet, whoever asked for them."""
    there = manager.list()
    found = []
    for config in configs:
        like_it = [run for run in there if is_run_of(run, config)]
        if not any(counts(run) for run in like_it):
            found += [run for run in like_it if not run.has_ended][:1]
    return found


def _resumed(
    like_it: Sequence[Snapshot], manager: RunManager, may_resume: Callable[[Snapshot], bool]
) -> str | None:
    """The newest run that ended early, queued again from its checkpoint; failed ones begin anew."""
    for run in like_it:
        ended_early = run.state in {"stopped", "interrupted"}
        if ended_early and not _was_tuned(run) and may_resume(run):
            manager.resume_from_checkpoint(run.run_id)
            return run.run_id
    return None
