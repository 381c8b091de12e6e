"""A search over methods' options: the same number of trials for each, judged on D_val only.

Trial 0 of a method is the method itself; optuna's sampler draws the others from the method's space
(`search_space`), and its pruner ends those that fall behind (`trials`). If D_val is trained on, a
fixed half of it is held out and judges the trials. The winner is then retrained with all of D_val
(`TrialResult.entry` is its configuration).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

from bikd_core.config import ConfigError, RunConfig
from bikd_core.events import ClassBiasesFitted, EpochDone
from bikd_core.studies.entries import Entry, read_entry
from bikd_core.studies.search_space import Space, is_drawn, space_of, variants
from bikd_core.studies.splits import Splits, check_splits, split_controls

Criterion = Literal["val_accuracy", "val_loss"]
MAX_TRIALS = 1000
#: Trials of a method that are drawn together, before any of them is told. It depends on nothing,
#: so that neither the order of finishing nor an interruption changes what is drawn.
BATCH = 4
_RUNGS = (1 / 3, 2 / 3)  # shares of the epochs after which a trial may be pruned


class TrialResult(NamedTuple):
    """The result of one trial of a method: finished with every seed, or pruned."""

    number: int
    entry: str  # its configuration, as text for `bikd compare --methods` and `bikd duel`
    params: Mapping[str, Any]  # as drawn; the entry has them rounded
    rungs: Mapping[int, float]  # the first seed's criterion after each epoch at which it was judged
    pruned: str  # why it was pruned; "" if it was not
    val_accuracy: float | None  # balanced, last epoch, mean over seeds; None if pruned
    val_loss: float | None


@dataclass(frozen=True)
class Search:
    """A search with the same number of trials for each method.

    Args:
        base: All controls except method and seed. If it trains on D_val, half is held out.
        methods: Entries as text; their own options are not searched.
        num_trials: Trials of each method.
        seed: Seeds the draw of the trials.
        seeds: Seeds of the runs of each trial.
        by: Ranks the trials; the other criterion breaks ties.
        splits: Whether the split of a run is its seed's, or the base's.

    Raises:
        ConfigError: A value is not possible.
    """

    base: RunConfig
    methods: tuple[str, ...]
    num_trials: int
    seed: int = 0
    seeds: tuple[int, ...] = (0,)
    by: Criterion = "val_accuracy"
    splits: Splits = "fixed"
    #: By method, made when first asked for.
    _controls: dict[str, Mapping[str, Any]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _spaces: dict[str, Space] = field(default_factory=dict, init=False, repr=False, compare=False)

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
        check_splits(self.splits, self.seeds, map(self.start, self.methods))
        self._check_cross_fitting()
        for method in self.methods:
            if not self.space(method) and self.num_trials > 1:
                raise ConfigError(
                    f"trials = {self.num_trials} is not possible: {method!r} leaves nothing to "
                    "search, so it has one trial."
                )

    def _check_cross_fitting(self) -> None:
        base = self.judged_base
        num_val = base.data.val_per_class // (2 if base.protocol.hold_out_half else 1)
        for method in self.methods:
            if self._entry(method).calibration == "class_biases" and num_val < 2:
                raise ConfigError(
                    f"val_per_class = {base.data.val_per_class} is not possible with "
                    f"{method!r}: a search judges class biases by images that they were not fitted "
                    f"to, so each class needs two that are not trained on."
                )

    @cached_property
    def judged_base(self) -> RunConfig:
        """The base of the trials: half of D_val is held out if D_val is trained on."""
        trains_on_val = self.base.protocol.train_on_val != "no"
        return self.base.changed(hold_out_half=True) if trains_on_val else self.base

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs after which a trial may be pruned; none in a run that is too short."""
        epochs = self.base.training.epochs
        rungs = (round(share * epochs) for share in _RUNGS)
        return tuple(dict.fromkeys(epoch for epoch in rungs if 0 < epoch < epochs))

    def batches(self) -> list[tuple[int, ...]]:
        """Return the numbers of the trials that are drawn together, in their order."""
        numbers = range(self.num_trials)
        return [tuple(numbers[first : first + BATCH]) for first in numbers[::BATCH]]

    def space(self, method: str) -> Space:
        """Return what is drawn for an entry, by control.

        Raises:
            ConfigError: A value of the entry itself cannot be searched.
        """
        if method not in self._spaces:
            fixed = frozenset(name for name, _ in self._entry(method).options)
            self._spaces[method] = space_of(method, self.own_controls(method), fixed)
        return self._spaces[method]

    def label_of(self, method: str) -> str:
        """Return an entry in words; what the base makes of a method is part of it."""
        return self._entry(method).label_in(self.own_controls(method))

    def start(self, method: str) -> RunConfig:
        """Return the config of the method itself, with the first seed."""
        return self.config_of(self._entry(method), self.seeds[0])

    def own_controls(self, method: str) -> Mapping[str, Any]:
        """Return all controls of the method itself, with the first seed."""
        if method not in self._controls:
            self._controls[method] = self.start(method).flat()
        return self._controls[method]

    def possible_controls(self) -> list[dict[str, Any]]:
        """Return the controls of each method, and of its forms that read other options."""
        return [
            controls
            for method in self.methods
            for controls in variants(self.own_controls(method), self.space(method))
        ]

    def entry_with(self, method: str, drawn: Mapping[str, Any]) -> Entry:
        """Return the entry of a trial: the method with the drawn values that are not its own.

        Numbers are rounded to three digits, as people write them.
        """
        start, own = self._entry(method), self.own_controls(method)
        pieces = [f"{name}={_written(v)}" for name, v in drawn.items() if v != own[name]]
        if not pieces:
            return start
        return self._entry(f"{method}{',' if ':' in method else ':'}{','.join(pieces)}")

    def is_drawn(self, name: str, method: str, drawn: Mapping[str, Any]) -> bool:
        """Return whether an option of the space is drawn, given what has been drawn before it."""
        return is_drawn(name, {**self.own_controls(method), **drawn})

    def config_of(self, entry: Entry, seed: int) -> RunConfig:
        """Return the config of a run of an entry."""
        return entry.config(self.judged_base, seed, **split_controls(self.splits, seed))

    def configs_of(self, entry: Entry) -> list[RunConfig]:
        """Return the configs of a trial's runs, in the order of the seeds."""
        return [self.config_of(entry, seed) for seed in self.seeds]

    def criterion(self, epoch: EpochDone | ClassBiasesFitted) -> float:
        """Return the value of an epoch, or of class biases, that the search judges by.

        Raises:
            ConfigError: It is not recorded.
        """
        value = getattr(epoch, self.by)
        if value is None:
            raise ConfigError(
                "by = 'val_accuracy' is not possible: a run of an earlier version did not record "
                "it; delete that run, or search by val_loss."
            )
        return float(value)

    def identity(self, method: str) -> dict[str, Any]:
        """Return all that decides a method's trials besides their number, as read from JSON."""
        own = self.start(method).read_by_method()
        identity = {
            "controls": {k: v for k, v in own.items() if k not in self.own_to_runs},
            "seeds": list(self.seeds),
            "splits": self.splits,
            "search_seed": self.seed,
            "by": self.by,
            "batch": BATCH,
            "rungs": list(self.rungs),
            "space": {name: list(values) for name, values in self.space(method).items()},
        }
        return as_json(identity)

    @property
    def own_to_runs(self) -> frozenset[str]:
        """The controls that each run sets by itself, so that the base's do not count."""
        return frozenset({"method", "seed", *split_controls(self.splits, 0)})

    def _entry(self, text: str) -> Entry:
        return read_entry(text, self.base.flat())

    def ranked(self, results: Sequence[TrialResult]) -> list[TrialResult]:
        """Return the trials, the best on D_val first; pruned ones last, the latest pruned first."""
        return sorted(results, key=self._rank)

    def _rank(self, result: TrialResult) -> tuple[Any, ...]:
        sign = -1 if self.by == "val_accuracy" else 1
        if result.val_loss is None or (result.val_accuracy is None and self.by == "val_accuracy"):
            last = max(result.rungs, default=0)
            return (True, -last, sign * result.rungs.get(last, 0.0), result.number)
        accuracy = 0.0 if result.val_accuracy is None else -result.val_accuracy
        loss = result.val_loss
        order = (accuracy, loss) if self.by == "val_accuracy" else (loss, accuracy)
        return (False, *order, result.number)


def _written(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def first_difference(stored: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """Return in words the first difference between two identities; "" if there is none."""
    for name in {**own, **stored}:
        before, now = stored.get(name), own.get(name)
        if before == now:
            continue
        if isinstance(before, dict) and isinstance(now, dict):
            inner = first_difference(before, now)
            return inner if name == "controls" else f"{name}: {inner}"
        return f"{name} was {json.dumps(before)}, not {json.dumps(now)}"
    return ""


def as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as they are read back from JSON."""
    read: dict[str, Any] = json.loads(json.dumps(values))
    return read
