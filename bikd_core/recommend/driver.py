"""Makes a recommendation: plans, tries, chooses by D_val, and then looks at the test set once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bikd_core.answer.ledger import DIGITS, MEASURES, Ledger, Result, Run
from bikd_core.answer.training import train_missing
from bikd_core.config import ConfigError, RunConfig
from bikd_core.data.possible import check_possible
from bikd_core.data.val_plan import planned_val_counts
from bikd_core.places import Places
from bikd_core.recommend.budget import (
    LEAST_TRIALS,
    Costs,
    check_minutes,
    costs_of,
    plan_words,
    trials_within,
)
from bikd_core.recommend.final import Final
from bikd_core.recommend.judging import FIRST_SEED, Candidate, Judge
from bikd_core.recommend.recipes import RECIPES, Recipe
from bikd_core.recommend.record import (
    Chosen,
    Record,
    controls_of,
    read_record,
    runs_path,
    write_record,
)
from bikd_core.recommend.words import sentence
from bikd_core.speed import Speeds
from bikd_core.studies.executors import Executor, Outcome
from bikd_core.studies.executors.executor import ShouldStop, never
from bikd_core.studies.executors.outcome import Measures
from bikd_core.studies.executors.work import make_teachers, measure_speed

#: Called with what is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]
_TURNS = 5  # of the measured cost
NO_BIASES = (
    "D_val's smallest class has a single picture, so no class biases could be judged by pictures "
    "that they were not fitted to."
)


class Recommendation:
    """A recommendation for one data set, whose file grows.

    Args:
        base: All controls but the method's and the seed.
        minutes: The budget of all its processes' time, pauses not counted.
        path: The file; its trials lie beside it.
        places: Where runs, teachers and data sets lie.
        executor: What trains.

    Raises:
        ConfigError: The budget is no time, plain KD is not possible with these controls, or the
            file is of something else.
    """

    def __init__(
        self, base: RunConfig, minutes: float, path: Path, places: Places, executor: Executor
    ) -> None:
        check_minutes(minutes)
        self.base, self.path, self.places, self.executor = base, path, places, executor
        self.record = read_record(path, base, minutes)
        self.ledger = Ledger(runs_path(path), controls_of(base))
        self.recipes = self._possible()
        self.costs = None if self.record.costs is None else Costs(*self.record.costs)

    def run(self, on_progress: Progress, on_plan: Callable[[str], None]) -> Record:
        """Do what is left to do. It may be interrupted at any time: the same call goes on.

        Args:
            on_progress: Called as it goes on.
            on_plan: Called with the plan in words before anything trains.

        Raises:
            ConfigError: The budget is too small, or another process works on the file.
            StoreError: A file cannot be written.
            ValueError: A recipe cannot be trained, or nothing could be chosen.
        """
        if self.record.is_done:
            return self.record
        with self.ledger.held(), self._timed():
            self._plan(on_progress)
            on_plan(self.record.plan)
            judge = self.judge()
            if not self.record.ranking:
                self._try(judge, on_progress)
                self._choose(judge)
            self._test(judge, on_progress)
        return self.record

    def planned(self, on_progress: Progress) -> str:
        """Return the plan in words, kept in the file; nothing is trained.

        Raises:
            ConfigError: As `run`.
            StoreError: As `run`.
        """
        if not self.record.is_done:
            with self.ledger.held(), self._timed():
                self._plan(on_progress)
        return self.record.plan

    def judge(self) -> Judge:
        """Return the trials as planned."""
        assert self.record.num_trials is not None  # planned before
        return Judge(self.base, self.recipes, self.record.num_trials, self.ledger)

    def _possible(self) -> tuple[Recipe, ...]:
        """Return the recipes that these pictures allow; note why the others are left out."""
        found = []
        for recipe in RECIPES:
            judge = Judge(self.base, (recipe,), LEAST_TRIALS, self.ledger)
            try:
                for run in judge.runs_of(recipe, recipe.entry, (FIRST_SEED,)):
                    check_possible(judge.config(run))
            except ConfigError as error:
                if recipe == RECIPES[0]:
                    raise
                self.record.left_out[recipe.title] = str(error)
            else:
                found.append(recipe)
        return tuple(found)

    # What it takes ------------------------------------------------------------------------------

    def _plan(self, on_progress: Progress) -> None:
        """Time the recipes, and decide the number of trials unless that was done before."""
        if self.record.costs is None:
            self.costs = self.measured_costs(on_progress)
        assert self.costs is not None  # measured just now, or before
        if self.record.num_trials is None:
            number = trials_within(self.record.minutes, self.costs, self.executor.slots)
            costs = (self.costs.trial, self.costs.teachers, self.costs.seeds)
            self.record.num_trials, self.record.costs = number, costs
            self.record.plan = plan_words(number, self.recipes, self.costs, self.executor.slots)
            self.save()

    def measured_costs(self, on_progress: Progress) -> Costs:
        """Return what the parts take, by a few timed steps of each recipe where it will train.

        Raises:
            ValueError: They cannot be timed.
        """
        configs = {
            recipe: self.base_run(recipe, recipe.judged_entries(recipe.entry)[0])
            for recipe in self.recipes
        }
        speeds: dict[RunConfig, Speeds] = {}

        def keep(config: RunConfig, found: Any) -> None:
            if found is not None:
                speeds[config] = found
            on_progress("timing", len(speeds), len(configs))

        on_progress("timing", 0, len(configs))
        self.executor.map(measure_speed, configs.values(), keep, lambda config, reason: None)
        if len(speeds) < len(configs):
            raise ValueError("Not all recipes could be timed, so the budget cannot be planned.")
        return costs_of(configs, {recipe: speeds[config] for recipe, config in configs.items()})

    def base_run(self, recipe: Recipe, entry: str) -> RunConfig:
        """Return the config of an entry of a recipe with the first seed."""
        judge = Judge(self.base, (recipe,), LEAST_TRIALS, self.ledger)
        return judge.config(Run(entry, FIRST_SEED))

    # The trials ---------------------------------------------------------------------------------

    def _try(self, judge: Judge, on_progress: Progress) -> None:
        """Train the trials while there is time, then the best of each recipe with more seeds."""
        rounds = list(judge.rounds())
        runs = [run for each in rounds for run in each]
        if judge.missing(runs):
            self._make_teachers(on_progress)
        for each in rounds:
            self._train(judge, each, "trials", runs, on_progress, self._must_end)
        complete = judge.num_complete()
        if complete < judge.num_trials:
            if complete < LEAST_TRIALS:
                raise ConfigError(
                    f"minutes = {self.record.minutes:g} is not possible: this machine is slower "
                    f"than it was when it was timed, so fewer than {LEAST_TRIALS} trials of each "
                    "recipe have ended; what has ended is kept, and more minutes go on."
                )
            judge.num_trials = self.record.num_trials = complete
            judge.trials = {recipe: own[:complete] for recipe, own in judge.trials.items()}
        further = judge.further()
        self._train(judge, further, "seeds of the best", further, on_progress, never)

    def _must_end(self) -> bool:
        """Whether the trials must end now, so that what follows them is within the budget."""
        assert self.costs is not None  # measured before the first trial
        return self.spent_s + self.costs.after_trials(self.executor.slots) > (
            60 * self.record.minutes
        )

    def _make_teachers(self, on_progress: Progress) -> None:
        """Train the teachers that are not stored, so that no run waits for one of another run."""
        kinds = {
            config.num_fold_teachers: config
            for recipe in self.recipes
            if (config := self.base_run(recipe, recipe.entry)).models.teacher == "auto"
        }
        done = 0

        def keep(config: RunConfig, found: Any) -> None:
            nonlocal done
            done += 1
            on_progress("teachers", done, len(kinds))

        on_progress("teachers", 0, len(kinds))
        self.executor.map(make_teachers, kinds.values(), keep, keep)

    def _train(
        self,
        judge: Judge,
        runs: Sequence[Run],
        what: str,
        of: Sequence[Run],
        on_progress: Progress,
        should_stop: ShouldStop,
    ) -> None:
        """Train those of these runs that have no result; tell of those that `of` names."""

        def kept() -> None:
            self.save()
            on_progress(what, len(of) - len(judge.missing(of)), len(of))

        train_missing(
            runs, self.ledger, judge.config, without_test, self.executor, kept, should_stop
        )

    # The choice, and the test set ---------------------------------------------------------------

    def _choose(self, judge: Judge) -> None:
        """Write down what D_val ranks, before the test set is looked at.

        Raises:
            ValueError: No trial of plain KD has ended well.
        """
        ranked = judge.candidates()
        reference = next(
            (one for one in ranked if one.recipe == RECIPES[0] and one.calibration == "none"), None
        )
        if reference is None:
            why = "; ".join(judge.failures(RECIPES[0]))
            raise ValueError(f"Nothing can be compared: no trial of plain KD ended well ({why}).")
        ranked_recipes = {one.recipe for one in ranked}
        for recipe in self.recipes:
            if recipe not in ranked_recipes:
                self.record.left_out[recipe.title] = "; ".join(judge.failures(recipe))
        if all(one.calibration == "none" for one in ranked):
            self.record.left_out["Class biases"] = NO_BIASES
        self.record.num_val = sum(planned_val_counts(self.base.data))
        self.record.ranking = tuple(as_chosen(one) for one in ranked)
        self.record.chosen, self.record.reference = as_chosen(ranked[0]), as_chosen(reference)
        self.save()

    def _test(self, judge: Judge, on_progress: Progress) -> None:
        """Train and keep the chosen recipe and plain KD over the seeds, and test them once."""
        assert self.record.chosen is not None  # chosen before
        assert self.record.reference is not None
        final = Final(self.places, self.executor, judge)
        final.train(self.record.reference, self._keep_reference, on_progress)
        if self.record.chosen.entry == self.record.reference.entry:  # the same runs, biased or not
            self._keep_chosen(self.record.reference.runs)
        final.train(self.record.chosen, self._keep_chosen, on_progress)
        self.record.num_test, self.record.groups = final.groups(
            self.record.chosen, self.record.reference
        )
        ratios = final.costs_in_turns(self.record.chosen, self.record.reference, _TURNS)
        self.record.cost = median(ratios) if ratios else None
        self.record.sentence = sentence(self.record)
        self.save()

    def _keep_reference(self, runs: tuple[str, ...]) -> None:
        assert self.record.reference is not None  # chosen before
        self.record.reference = self.record.reference.model_copy(update={"runs": runs})
        self.save()

    def _keep_chosen(self, runs: tuple[str, ...]) -> None:
        assert self.record.chosen is not None  # chosen before
        self.record.chosen = self.record.chosen.model_copy(update={"runs": runs})
        self.save()

    # The file -----------------------------------------------------------------------------------

    @property
    def spent_s(self) -> float:
        """The seconds spent so far."""
        return self._before + time.monotonic() - self._began

    @contextmanager
    def _timed(self) -> Iterator[None]:
        self._before, self._began = self.record.spent_s, time.monotonic()
        try:
            yield
        finally:
            if self.path.exists():
                self.save()

    def save(self) -> None:
        """Replace the file."""
        self.record.spent_s = round(self.spent_s, 1)
        write_record(self.path, self.record)


def without_test(config: RunConfig, outcome: Outcome) -> Result:
    """Return a run's result as D_val judges it: what is chosen cannot follow from the test set.

    Numbers are those that the ledger's file holds, so that going on from it changes no choice.
    """

    def judged(values: Measures) -> dict[str, float | None]:
        found: dict[str, float | None] = dict.fromkeys(MEASURES)
        for name in ("val_accuracy", "val_loss"):
            value = values.get(name)
            found[name] = None if value is None else round(value, DIGITS)
        return found if values else {}

    own, biased = judged(outcome.measures), judged(outcome.biased)
    seconds = outcome.seconds / config.training.epochs
    return Result(own, biased, seconds, outcome.failure)


def as_chosen(candidate: Candidate) -> Chosen:
    """Return a candidate as the file holds it."""
    return Chosen(
        recipe=candidate.recipe.entry,
        title=candidate.title,
        calibration=candidate.calibration,
        entry=candidate.entry,
        val_accuracy=candidate.val_accuracy,
        val_loss=candidate.val_loss,
    )
