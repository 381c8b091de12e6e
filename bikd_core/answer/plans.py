"""What is compared on each data set: entries, trials, and the seeds of the comparison.

The settings of BiKD that the entries fix (hard meta loss, one inner step, weights for each loss)
come from pilots on splits 0 to 19. No trial and no seed here has one of those splits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bikd_core.config import METHOD_FACTS, ConfigError, is_read_by
from bikd_core.studies.search_space import Values

LEAGUES = {1: "no", 2: "batch"}  # train_on_val of each league
_FIRST_SEED, _FIRST_TRIAL = 100, 1000


@dataclass(frozen=True)
class Plan:
    """A comparison of tuned methods on one data set in one league.

    Each entry counts twice, without and with class biases; both are chosen from the same trials.
    """

    name: str
    base: Mapping[str, Any]  # controls that differ from the data set's defaults
    rivals: tuple[str, ...]  # entries, as `bikd compare` takes them
    weighted: tuple[str, ...]  # forms of BiKD
    num_trials: int
    trial_seeds: tuple[int, ...]  # a trial is the mean over these splits
    num_kept: int  # trials of each entry that go on to further splits
    further_seeds: tuple[int, ...]
    num_seeds: int  # of each entry
    num_finalists: int  # rivals that D_val ranks highest: they and BiKD have more seeds
    num_finalist_seeds: int
    #: What is drawn, where it is not all that the search's space holds.
    space: Mapping[str, Values] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def entries(self) -> tuple[str, ...]:
        """All entries, the rivals first."""
        return self.rivals + self.weighted

    def seeds(self, *, is_finalist: bool) -> tuple[int, ...]:
        """Return the seeds over which an entry is compared."""
        number = self.num_finalist_seeds if is_finalist else self.num_seeds
        return tuple(range(_FIRST_SEED, _FIRST_SEED + number))


#: What forms of BiKD have in common, where they read it. Their hypergradient is exact and taken in
#: every step: what it costs is no question here.
_RELATIVE = {
    "weight_scale": "relative",
    "meta_loss": "hard",
    "inner_steps": "1",
    "weight_form": "free",
    "cross_fit": "false",
}
_OBJECTIVES = tuple(name for name, facts in METHOD_FACTS.items() if not facts.has_weight_net)
_WITH_TEACHER = tuple(name for name in _OBJECTIVES if METHOD_FACTS[name].needs_teacher)
NUM_FOLDS = 5  # of D_tr, where teachers are trained out of fold
#: A teacher for each fold; the one that has not seen an image gives its soft loss too.
_FOLDS = f"teacher_folds={NUM_FOLDS}"
#: They give the weight net's inputs and the trust in each label; the soft loss is the teacher's.
TRUST = f"{_FOLDS},out_of_fold=inputs,trust=1"


def _over(objectives: tuple[str, ...], options: str = "") -> tuple[str, ...]:
    """Return the entries of BiKD over objectives, with further options."""
    found = []
    for name in objectives:
        form = {"method": "bikd", "over": name} | _RELATIVE
        read = [f"{key}={form[key]}" for key in _RELATIVE if is_read_by(key, form)]
        found.append(f"bikd:{','.join([f'over={name}', *read, *filter(None, [options])])}")
    return tuple(found)


def _digits(name: str, league: int, **changes: Any) -> Plan:
    values: dict[str, Any] = {
        "rivals": (*_OBJECTIVES, "meta_weight_net"),
        "weighted": ("bikd", "bikd:prior=both,meta_loss=hard", *_over(_OBJECTIVES)),
        "num_trials": 24,
        "trial_seeds": tuple(range(_FIRST_TRIAL, _FIRST_TRIAL + 3)),
        "num_kept": 3,
        "further_seeds": tuple(range(_FIRST_TRIAL + 3, _FIRST_TRIAL + 9)),
        "num_seeds": 40,
        "num_finalists": 5,
        "num_finalist_seeds": 120,
    }
    base = {"dataset": "digits", "train_on_val": LEAGUES[league]} | changes
    return Plan(f"{name}-league{league}", base, **values)


def _noisy(kind: str) -> Plan:
    """Return the plan for wrong labels: plain, with out-of-fold teachers, and with trust too."""
    plan = _digits(f"digits_{kind}", 1, label_noise=0.3, label_noise_kind=kind)
    rivals, weighted = plan.rivals, plan.weighted
    for options in (_FOLDS, TRUST):
        rivals += tuple(f"{name}:{options}" for name in _WITH_TEACHER)
        weighted += _over(_WITH_TEACHER, options)
    return replace(plan, rivals=rivals, weighted=weighted)


DIGITS: dict[str, Plan] = {
    plan.name: plan
    for plan in (
        _digits("digits", 1),
        _digits("digits", 2),
        _noisy("by_count"),
        _noisy("pairs"),
    )
}


def _fashion_mnist(name: str, league: int, objectives: tuple[str, ...]) -> Plan:
    base = {
        "dataset": "fashion_mnist",
        "train_on_val": LEAGUES[league],
        "imbalance_factor": 100.0,
        "head_count": 1000,
        "test_per_class": 200,
    }
    return _on_one_split(name, base, objectives, num_trials=12, num_seeds=15)


def _cifar10(name: str, league: int, objectives: tuple[str, ...]) -> Plan:
    base = {
        "dataset": "cifar10",
        "train_on_val": LEAGUES[league],
        "imbalance_factor": 100.0,
        "head_count": 1000,
        "val_per_class": 100,
        "test_per_class": 200,
        "teacher_model": "resnet20",
        "student": "resnet8",
        "epochs": 40,
        "batch_size": 50,
    }
    rates = {"learning_rate": (0.03, 0.1, 0.3)}
    return _on_one_split(name, base, objectives, num_trials=3, num_seeds=5, space=rates)


def _on_one_split(
    name: str, base: Mapping[str, Any], objectives: tuple[str, ...], num_seeds: int, **values: Any
) -> Plan:
    """Return a plan of objectives and BiKD over them, all of whose trials share one split."""
    return Plan(
        name,
        base,
        rivals=objectives,
        weighted=_over(objectives),
        trial_seeds=(_FIRST_TRIAL,),
        num_kept=1,
        further_seeds=(),
        num_seeds=num_seeds,
        num_finalists=len(objectives),
        num_finalist_seeds=num_seeds,
        **values,
    )


#: Plans of the objectives that D_val ranks first on the digits: how many, and the plan of them.
_FOLLOWING: dict[str, tuple[int, int, Callable[[str, int, tuple[str, ...]], Plan]]] = {
    f"{dataset}-league{league}": (league, number, make)
    for dataset, number, make in (("fashion_mnist", 4, _fashion_mnist), ("cifar10", 3, _cifar10))
    for league in LEAGUES
}
NAMES = (*DIGITS, *_FOLLOWING)


def plan_named(name: str, folder: Path) -> Plan:
    """Return the plan with this name.

    Args:
        name: One of `NAMES`.
        folder: Holds the results on the digits, where the plan follows from them.

    Raises:
        ConfigError: There is none, or what it follows from is not there.
    """
    if name in DIGITS:
        return DIGITS[name]
    if name not in _FOLLOWING:
        raise ConfigError(
            f"answer = {name[:80]!r} is not possible: it must be one of {', '.join(NAMES)}."
        )
    league, number, make = _FOLLOWING[name]
    return make(name, league, _best_objectives(folder, league, number))


def _best_objectives(folder: Path, league: int, number: int) -> tuple[str, ...]:
    """Return the objectives that D_val ranks first on the digits, in the order of that ranking."""
    path = folder / f"answer-digits-league{league}.json"
    if not path.exists():
        raise ConfigError(
            f"{path.name} is missing in {folder}: its trials say which objectives are compared. "
            f"First run `bikd bench answer digits-league{league}`."
        )
    finalists = json.loads(path.read_text(encoding="utf-8"))["finalists"]
    methods = [entry.partition(":")[0] for entry in finalists]
    return tuple(method for method in methods if method in _OBJECTIVES)[:number]
