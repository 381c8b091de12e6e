"""Judges the trials of all recipes by D_val alone, and chooses.

1. Each trial of each recipe is trained once, with seed 0. The recipes have the same trials: what
   two of them read has the same value in both.
2. The best trial of each recipe, without and with class biases, is trained with further seeds.
3. The recipe with the highest mean score of its two forms, over all seeds, is chosen; it is taken
   with class biases where there are some.

The score is the balanced accuracy on D_val less `LOSS_SHARE` of its cross-entropy. Class biases are
judged by pictures that they were not fitted to (five-fold cross-fitting), and so are recipes that
D_val guides: of two runs of a trial, each is guided by one half and judged by the other.

Two forms of the same students are two coarse measurements of one recipe, so that their mean is the
better one. Class biases are not left to the choice: in the digits' tuned answer they lift each of
the five recipes that it has, by 0.6 to 8.5 points, and on D_val they are judged with fewer pictures
than they have in the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

from bikd_core.answer.ledger import Ledger, Result, Run
from bikd_core.answer.stages import CALIBRATIONS
from bikd_core.config import RunConfig
from bikd_core.config.together import MOST_TOGETHER
from bikd_core.recommend.recipes import SPACE, Recipe, title_with
from bikd_core.studies.draw import trials_of
from bikd_core.studies.entries import read_entry
from bikd_core.studies.search import Search

#: In 1/nats. An accuracy on 100 pictures is a coarse number; of the trials of the digits'
#: comparison above 78 % its correlation with the test accuracy rises with this share of the
#: cross-entropy from 0.53, 0.70 and 0.61 to 0.55, 0.75 and 0.69 (splits 1000 to 1002).
LOSS_SHARE = 0.3
FIRST_SEED, FURTHER_SEEDS = 0, (1, 2)
SEEDS = (FIRST_SEED, *FURTHER_SEEDS)


class Candidate(NamedTuple):
    """The best settings of a recipe, without or with class biases, as D_val judges them."""

    recipe: Recipe
    calibration: str
    entry: str
    val_accuracy: float  # balanced, mean over the seeds
    val_loss: float  # nats
    num_seeds: int

    @property
    def score(self) -> float:
        """What is compared within a recipe, and its mean between recipes: higher is better."""
        return self.val_accuracy - LOSS_SHARE * self.val_loss

    @property
    def title(self) -> str:
        """The recipe in words, with class biases if it has them."""
        return title_with(self.recipe, self.calibration)


class Judge:
    """The trials of all recipes on one split, and the results that there are.

    Args:
        base: All controls but the method and the seed; its split is that of all runs.
        recipes: What is tried.
        num_trials: Of each recipe; the first is the recipe with the data set's defaults.
        ledger: The results so far.
    """

    def __init__(
        self, base: RunConfig, recipes: Sequence[Recipe], num_trials: int, ledger: Ledger
    ) -> None:
        self.base, self.recipes, self.ledger = base, tuple(recipes), ledger
        self.num_trials = num_trials
        entries = tuple(recipe.entry for recipe in recipes)
        search = Search(base, entries, num_trials, seeds=(FIRST_SEED,))
        self.trials = {recipe: trials_of(search, recipe.entry, SPACE) for recipe in recipes}

    def config(self, run: Run) -> RunConfig:
        """Return the config of a run, on the split of the base."""
        return read_entry(run.entry, self.base.flat()).config(self.base, run.seed)

    def rounds(self) -> Iterator[list[Run]]:
        """Yield the runs of the first seed, round by round: as many trials of each recipe."""
        size = MOST_TOGETHER.get(self.base.models.student, 1)
        for first in range(0, self.num_trials, size):
            yield [
                run
                for recipe in self.recipes
                for entry in self.trials[recipe][first : first + size]
                for run in self.runs_of(recipe, entry, (FIRST_SEED,))
            ]

    def further(self) -> list[Run]:
        """Return the runs of the best trials with further seeds; all trials have results."""
        return [
            run
            for recipe in self.recipes
            for entry in self.kept(recipe)
            for run in self.runs_of(recipe, entry, FURTHER_SEEDS)
        ]

    def missing(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs without a result."""
        return [run for run in runs if run not in self.ledger.results]

    def num_complete(self) -> int:
        """Return how many trials, from the first one on, have a result with every recipe."""
        for number in range(self.num_trials):
            for recipe in self.recipes:
                entry = self.trials[recipe][number]
                if self.missing(self.runs_of(recipe, entry, (FIRST_SEED,))):
                    return number
        return self.num_trials

    def runs_of(self, recipe: Recipe, entry: str, seeds: Sequence[int]) -> list[Run]:
        """Return the runs that judge a trial."""
        return [Run(judged, seed) for seed in seeds for judged in recipe.judged_entries(entry)]

    def kept(self, recipe: Recipe) -> list[str]:
        """Return the best trial of a recipe by each calibration, each once; [] if all failed."""
        best = [
            max(scored, key=lambda candidate: candidate.score).entry
            for calibration in CALIBRATIONS
            if (scored := self._scored(recipe, self.trials[recipe], (FIRST_SEED,), calibration))
        ]
        return list(dict.fromkeys(best))

    def candidates(self) -> list[Candidate]:
        """Return each recipe's best, with class biases and without, in the order of the choice."""
        found = [
            max(scored, key=lambda candidate: candidate.score)
            for recipe in self.recipes
            for calibration in CALIBRATIONS
            if (scored := self._scored(recipe, self.kept(recipe), SEEDS, calibration))
        ]
        scores: dict[Recipe, list[float]] = {}
        for candidate in found:
            scores.setdefault(candidate.recipe, []).append(candidate.score)

        def place(candidate: Candidate) -> tuple[float, bool]:
            return -fmean(scores[candidate.recipe]), candidate.calibration == "none"

        return sorted(found, key=place)

    def failures(self, recipe: Recipe) -> list[str]:
        """Return why runs of a recipe failed, each reason once."""
        runs = self.runs_of_all(recipe)
        results = [self.ledger.results[run] for run in runs if run in self.ledger.results]
        return list(dict.fromkeys(result.diverged for result in results if result.diverged))

    def runs_of_all(self, recipe: Recipe) -> list[Run]:
        """Return the runs of all trials of a recipe with all seeds."""
        return [run for entry in self.trials[recipe] for run in self.runs_of(recipe, entry, SEEDS)]

    def _scored(
        self, recipe: Recipe, entries: Sequence[str], seeds: Sequence[int], calibration: str
    ) -> list[Candidate]:
        """Return those of the entries that have a score with all of the seeds."""
        found = []
        for entry in entries:
            results = [self.ledger.results[run] for run in self.runs_of(recipe, entry, seeds)]
            measured = [_measured(result, calibration) for result in results]
            known = [pair for pair in measured if pair is not None]
            if len(known) == len(measured):
                accuracy, loss = (fmean(values) for values in zip(*known, strict=True))
                found.append(Candidate(recipe, calibration, entry, accuracy, loss, len(seeds)))
        return found


def _measured(result: Result, calibration: str) -> tuple[float, float] | None:
    """Return accuracy and loss on D_val; None where the run failed or has no such score."""
    values = result.of(calibration)
    accuracy, loss = values.get("val_accuracy"), values.get("val_loss")
    return None if accuracy is None or loss is None else (accuracy, loss)
