"""A random search over methods' options: the same number of trials for each, judged on D_val only.

Trial 0 of a method is the method itself; the search seed draws the others from the method's space.
If D_val is trained on, a fixed half of it is held out and judges the trials. The winner is then
retrained with all of D_val (`TrialResult.entry` is its configuration).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from bikd_core.config import ConfigError, RunConfig, is_read_by
from bikd_core.runs import Snapshot
from bikd_core.studies.comparison import is_comparable
from bikd_core.studies.entries import Entry, read_entry

Criterion = Literal["val_accuracy", "val_loss"]
MAX_TRIALS = 1000
_DRAWS_PER_TRIAL = 200  # after so many draws the space counts as exhausted

#: Factors of the value that the entry itself has.
_SCALED: dict[str, tuple[float, ...]] = {
    "learning_rate": (0.25, 0.5, 1, 2, 4),
    "weight_net_learning_rate": (0.3, 1, 3, 10),
}
#: Values of each searched control, if the method reads it. A rival's constants that are not
#: controls, such as WSL's α, stay as published.
_VALUES: dict[str, tuple[Any, ...]] = {
    "weight_decay": (1e-4, 5e-4, 2e-3),
    "temperature": (1.0, 2.0, 4.0, 8.0),
    "kd_alpha": (0.1, 0.3, 0.5, 0.7, 0.9),
    "prior": ("none", "hard", "both"),
    "weight_form": ("free", "scale", "convex"),
    "virtual_step": (0.3, 1.0, 3.0),
    "outer_from": (0.0, 0.5),
    "class_shifts": ("none", "one", "each"),
    "inner_steps": (1, 2, 5, 10),
    "meta_loss": ("hard", "mix"),
    "weight_net_inputs": ("shifted", "plain"),
    "cross_fit": (False, True),
}
_WARM_UP_SHARES = (0.0, 0.1, 0.3)  # shares of the epochs


class Trial(NamedTuple):
    """One configuration of a method in a search."""

    method: str  # the searched entry, as text
    number: int
    entry: Entry  # with the drawn options


class TrialResult(NamedTuple):
    """The result of a trial that finished with every seed."""

    trial: Trial
    val_accuracy: float | None  # balanced, last epoch, mean over seeds; None in old runs
    val_loss: float

    @property
    def entry(self) -> str:
        """The configuration as text for `bikd compare --methods` and `bikd duel`."""
        return self.trial.entry.text


@dataclass(frozen=True)
class Search:
    """A random search with the same number of trials for each method.

    Args:
        base: All controls except method and seed. If it trains on D_val, half is held out.
        methods: Entries as text; their own options are not searched.
        num_trials: Trials of each method.
        seed: Seeds the draw of the trials.
        seeds: Seeds of the runs of each trial.
        by: Ranks the trials; the other criterion breaks ties.

    Raises:
        ConfigError: A value is not possible.
    """

    base: RunConfig
    methods: tuple[str, ...]
    num_trials: int
    seed: int = 0
    seeds: tuple[int, ...] = (0,)
    by: Criterion = "val_accuracy"

    def __post_init__(self) -> None:
        if not 1 <= self.num_trials <= MAX_TRIALS:
            raise ConfigError(
                f"trials = {self.num_trials} is not possible: it must be from 1 to {MAX_TRIALS}."
            )
        if self.seed < 0:
            raise ConfigError(f"search_seed = {self.seed} is not possible: it must be at least 0.")
        for name, values in (("methods", self.methods), ("seeds", self.seeds)):
            if not values or len(set(values)) < len(values):
                raise ConfigError(
                    f"{name} = {', '.join(map(str, values))!r} is not possible: it must hold at "
                    "least one, each only once."
                )
        if self.by not in get_args(Criterion):
            raise ConfigError(
                f"by = {self.by!r} is not possible: it must be val_accuracy or val_loss."
            )

    @property
    def judged_base(self) -> RunConfig:
        """The base of the trials: half of D_val is held out if D_val is trained on."""
        trains_on_val = self.base.protocol.train_on_val != "no"
        return self.base.changed(hold_out_half=True) if trains_on_val else self.base

    def space(self, method: str) -> dict[str, tuple[Any, ...]]:
        """Return the values to draw from for an entry, by control."""
        entry = self._entry(method)
        values = self._config(entry, self.seeds[0]).flat()
        space = {
            name: tuple(factor * values[name] for factor in factors)
            for name, factors in _SCALED.items()
        }
        space |= _VALUES
        shares = {round(share * values["epochs"]) for share in _WARM_UP_SHARES}
        space["warm_up"] = tuple(sorted(shares))
        if values["train_on_val"] == "no":
            del space["cross_fit"]  # which would train on D_val
        if values["weight_scale"] == "relative":
            space["weight_form"] = ("free", "scale")  # convex is not possible
        fixed = {name for name, _ in entry.options}
        return {
            name: options
            for name, options in space.items()
            if is_read_by(name, values) and name not in fixed
        }

    def label_of(self, method: str) -> str:
        """Return an entry in words; what the base makes of a method is part of it."""
        entry = self._entry(method)
        return entry.label_in(self._config(entry, self.seeds[0]).flat())

    def _entry(self, text: str) -> Entry:
        return read_entry(text, self.base.flat())

    def trials(self) -> list[Trial]:
        """Return all trials, number by number, so that an interrupted search is fair.

        Raises:
            ConfigError: A space holds fewer configurations than there are trials.
        """
        by_method = [self._trials_of(method) for method in self.methods]
        return [trials[number] for number in range(self.num_trials) for trials in by_method]

    def _trials_of(self, method: str) -> list[Trial]:
        start, space = self._entry(method), self.space(method)
        generator = np.random.default_rng([self.seed, *method.encode()])
        entries = [start]
        known = {self._config(start, self.seeds[0])}
        for _ in range(_DRAWS_PER_TRIAL * self.num_trials):
            if len(entries) == self.num_trials:
                break
            entry = self._draw_entry(start, space, generator)
            config = self._config(entry, self.seeds[0])
            if config not in known:
                known.add(config)
                entries.append(entry)
        if len(entries) < self.num_trials:
            raise ConfigError(
                f"trials = {self.num_trials} is not possible: the space of {method} holds about "
                f"{len(entries)} configurations."
            )
        return [Trial(method, number, entry) for number, entry in enumerate(entries)]

    def _draw_entry(
        self, start: Entry, space: dict[str, tuple[Any, ...]], generator: np.random.Generator
    ) -> Entry:
        """Draw a value for each control of the space.

        Values that the entry has already are left out, and what it does not read as drawn.
        """
        drawn = {name: values[generator.integers(len(values))] for name, values in space.items()}
        own = self._config(start, self.seeds[0]).flat()
        whole = own | drawn
        if whole["over"] == "ce_kd" and whole["prior"] == "none":
            drawn.pop("weight_net_inputs", None)  # shifted and plain are the same then
        pieces = [
            f"{name}={value}"
            for name, value in drawn.items()
            if value != own[name] and is_read_by(name, whole)
        ]
        if not pieces:
            return start
        return self._entry(f"{start.text}{',' if ':' in start.text else ':'}{','.join(pieces)}")

    def _config(self, entry: Entry, seed: int) -> RunConfig:
        return entry.config(self.judged_base, seed)

    def grid(self) -> list[tuple[Trial, RunConfig]]:
        """Return every run, trial by trial."""
        return [
            (trial, self._config(trial.entry, seed))
            for trial in self.trials()
            for seed in self.seeds
        ]

    def ranked(self, runs: Iterable[Snapshot]) -> dict[str, list[TrialResult]]:
        """Return by method the trials that finished with every seed, best on D_val first."""
        done: dict[RunConfig, Snapshot] = {}
        for run in runs:
            if is_comparable(run):
                done.setdefault(run.config, run)
        results: dict[str, list[TrialResult]] = {method: [] for method in self.methods}
        for trial in self.trials():
            configs = [self._config(trial.entry, seed) for seed in self.seeds]
            finished = [done[config] for config in configs if config in done]
            if len(finished) == len(configs):
                results[trial.method].append(_result(trial, finished))
        return {method: sorted(trials, key=self._rank) for method, trials in results.items()}

    def _rank(self, result: TrialResult) -> tuple[float, float]:
        loss = result.val_loss
        accuracy = 0.0 if result.val_accuracy is None else -result.val_accuracy  # unknown: last
        return (accuracy, loss) if self.by == "val_accuracy" else (loss, accuracy)


def _result(trial: Trial, runs: Sequence[Snapshot]) -> TrialResult:
    last = [run.epochs[-1] for run in runs]
    accuracies = [epoch.val_accuracy for epoch in last if epoch.val_accuracy is not None]
    accuracy = fmean(accuracies) if len(accuracies) == len(last) else None
    return TrialResult(trial, accuracy, fmean(epoch.val_loss for epoch in last))


def as_data(search: Search, ranked: dict[str, list[TrialResult]]) -> dict[str, Any]:
    """Return the search and its trials, best first, as plain data for JSON."""
    controls = {k: v for k, v in search.judged_base.flat().items() if k not in {"method", "seed"}}
    return {
        "search": {
            "controls": controls,
            "methods": list(search.methods),
            "trials_of_each": search.num_trials,
            "search_seed": search.seed,
            "seeds": list(search.seeds),
            "by": search.by,
            "judged_on": "held-out half of D_val" if controls["hold_out_half"] else "D_val",
            "spaces": {
                method: {name: list(values) for name, values in search.space(method).items()}
                for method in search.methods
            },
        },
        "trials": {
            method: [
                {
                    "entry": result.entry,
                    "number": result.trial.number,
                    "val_accuracy": result.val_accuracy,
                    "val_loss": result.val_loss,
                }
                for result in trials
            ]
            for method, trials in ranked.items()
        },
    }
