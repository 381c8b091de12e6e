"""How many trials a budget of minutes pays for, from a few steps of each recipe that were timed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bikd_core.config import ConfigError, RunConfig
from bikd_core.recommend.judging import FURTHER_SEEDS, SEEDS
from bikd_core.recommend.recipes import Recipe
from bikd_core.speed import Speeds

LEAST_TRIALS, MOST_TRIALS = 2, 16  # of each recipe
MAX_MINUTES = 7 * 24 * 60
_MOST_KEPT = 2  # trials of a recipe that have further seeds: without and with class biases
_MARGIN = 1.1  # a timed step is a quiet moment of a machine
_STARTS_S = 30.0  # processes that begin, each stage anew


class Costs(NamedTuple):
    """Seconds of the parts of a recommendation, as if one process trained."""

    trial: float  # one trial of each recipe with one seed
    teachers: float
    seeds: float  # plain KD and the costliest recipe, with all seeds

    def total(self, num_trials: int, slots: int) -> float:
        """Return the seconds of all, with so many processes."""
        trials = num_trials + _MOST_KEPT * len(FURTHER_SEEDS)
        work = trials * self.trial + self.teachers + self.seeds
        return _STARTS_S + _MARGIN * work / slots

    def after_trials(self, slots: int) -> float:
        """Return the seconds of what follows the trials."""
        return self.total(0, slots) - _MARGIN * self.teachers / slots


def costs_of(configs: Mapping[Recipe, RunConfig], speeds: Mapping[Recipe, Speeds]) -> Costs:
    """Return the costs of recipes from the speeds that were measured of them.

    Args:
        configs: The first trial of each.
        speeds: Of each.
    """
    seconds: dict[Recipe, float] = {}
    teachers: dict[int, float] = {}  # by the number of folds
    for recipe, config in configs.items():
        speed = speeds[recipe]
        seconds[recipe] = speed.run.seconds(config.data, config.training.epochs)
        if speed.teacher is not None:
            # A teacher takes the data set's own defaults: see `training.teacher_config`.
            epochs = RunConfig.from_flat({"dataset": config.data.dataset}).training.epochs
            one = speed.teacher.seconds(config.data, epochs)
            folds = config.num_fold_teachers
            teachers[folds] = max(one * max(1, folds - 1), teachers.get(folds, 0.0))
    runs = {recipe: len(recipe.judged_entries(recipe.entry)) for recipe in configs}
    return Costs(
        trial=sum(seconds[recipe] * runs[recipe] for recipe in configs),
        teachers=sum(teachers.values()),
        seeds=len(SEEDS) * (seconds[next(iter(configs))] + max(seconds.values())),
    )


def trials_within(minutes: float, costs: Costs, slots: int) -> int:
    """Return how many trials of each recipe a budget pays for.

    Raises:
        ConfigError: Fewer than `LEAST_TRIALS`; it says how many minutes those take.
    """
    left = 60 * minutes - costs.total(0, slots)
    number = math.floor(left * slots / (_MARGIN * costs.trial))
    if number < LEAST_TRIALS:
        needed = math.ceil(costs.total(LEAST_TRIALS, slots) / 60)
        raise ConfigError(
            f"minutes = {minutes:g} is not possible: {LEAST_TRIALS} trials of each recipe, by "
            f"a few timed steps, take about {needed:,} minutes here; nothing was started."
        )
    return min(number, MOST_TRIALS)


def check_minutes(minutes: float) -> None:
    """Refuse a budget that is no time.

    Raises:
        ConfigError: It is.
    """
    if not 0 < minutes <= MAX_MINUTES:
        raise ConfigError(
            f"minutes = {minutes:g} is not possible: it must be above 0 and at most "
            f"{MAX_MINUTES:,}."
        )


def plan_words(num_trials: int, recipes: Sequence[Recipe], costs: Costs, slots: int) -> str:
    """Return the plan in one sentence."""
    minutes = costs.total(num_trials, slots) / 60
    return (
        f"{len(recipes)} recipes, {num_trials} trials of each, the best with {len(SEEDS)} seeds: "
        f"at most {max(1, math.ceil(minutes)):,} minutes by a few timed steps."
    )
