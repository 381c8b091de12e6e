"""The stages of an answer: trials, further splits for the best, the choice, then the seeds.

1. Every trial of every entry is trained on a few splits.
2. The best of each entry, judged by D_val without and with class biases, go on to further splits.
3. What D_val then ranks first is chosen: a configuration for each entry and calibration, the form
   of BiKD that enters, and the rivals that have more seeds. It is written down before 4.
4. What was chosen is trained over seeds with a split and a teacher each, and tested.

Each stage follows from the results of those before alone, so the same command goes on anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from statistics import fmean
from typing import NamedTuple, get_args

from bikd_core.answer.ledger import Ledger, Result, Run
from bikd_core.answer.plans import Plan
from bikd_core.config import RunConfig
from bikd_core.studies.calibration import Calibration
from bikd_core.studies.draw import trials_of
from bikd_core.studies.entries import read_entry
from bikd_core.studies.search import Search
from bikd_core.studies.splits import split_controls

CALIBRATIONS: tuple[str, ...] = get_args(Calibration)


class Choice(NamedTuple):
    """What D_val chose for an entry of a plan, without or with class biases."""

    method: str  # the entry of the plan
    calibration: str
    entry: str  # with the options of the best trial
    val_accuracy: float  # balanced, mean over all splits of the trials; cross-fitted with biases
    val_loss: float
    num_trials: int


class Chosen(NamedTuple):
    """All that D_val decides before the test set counts."""

    choices: tuple[Choice, ...]  # by D_val, the best first
    bikd: Choice  # the form of BiKD that enters
    rivals: tuple[Choice, ...]  # those that have more seeds, the best first

    def is_finalist(self, choice: Choice) -> bool:
        """Whether the comparison gives this choice more seeds."""
        return choice == self.bikd or choice in self.rivals


class Answer:
    """A plan and the results that there are.

    Args:
        plan: What is compared.
        ledger: The results so far.
    """

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self.plan, self.ledger = plan, ledger
        self.base = RunConfig.from_flat(plan.base)
        self.search = Search(
            self.base, plan.entries, plan.num_trials, seeds=plan.trial_seeds, splits="follow"
        )
        self._judged_by_half = self.search.judged_base != self.base
        self.trials = {
            method: trials_of(self.search, method, plan.space) for method in plan.entries
        }

    def config(self, run: Run) -> RunConfig:
        """Return the config of a run."""
        base = self.search.judged_base if run.held_out else self.base
        controls = split_controls("follow", run.seed)
        return read_entry(run.entry, self.base.flat()).config(base, run.seed, **controls)

    def stages(self) -> Iterator[tuple[str, list[Run]]]:
        """Yield the runs of each stage, in words and in order; all of a stage are needed first."""
        trials = [entry for entries in self.trials.values() for entry in entries]
        yield "Trials", self._judged(trials, self.plan.trial_seeds)
        kept = [entry for method in self.plan.entries for entry in self.kept(method)]
        yield "Further splits of the best trials", self._judged(kept, self.plan.further_seeds)
        yield "Seeds", list(self.seed_runs(self.chosen()))

    def has_open_trials(self) -> bool:
        """Whether a trial has no result yet, so that nothing is chosen."""
        return any(self.missing(runs) for _, runs in islice(self.stages(), 2))

    def missing(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs without a result."""
        return [run for run in runs if run not in self.ledger.results]

    def kept(self, method: str) -> list[str]:
        """Return the trials of an entry that go on, by each calibration, each once."""
        best = [
            entry
            for calibration in CALIBRATIONS
            for entry in self._ranked(self.trials[method], self.plan.trial_seeds, calibration)[
                : self.plan.num_kept
            ]
        ]
        return list(dict.fromkeys(best))

    def chosen(self) -> Chosen:
        """Return what D_val chooses; all trials have results."""
        seeds = self.plan.trial_seeds + self.plan.further_seeds
        choices = [
            choice
            for method in self.plan.entries
            for calibration in CALIBRATIONS
            if (choice := self._choice(method, calibration, seeds)) is not None
        ]
        choices.sort(key=lambda choice: (-choice.val_accuracy, choice.val_loss))
        best: dict[str, Choice] = {}
        for choice in choices:
            best.setdefault(choice.method, choice)
        rivals = [choice for choice in best.values() if choice.method in self.plan.rivals]
        bikd = next(choice for choice in choices if choice.method in self.plan.weighted)
        return Chosen(tuple(choices), bikd, tuple(rivals[: self.plan.num_finalists]))

    def seed_runs(self, chosen: Chosen) -> Iterator[Run]:
        """Return the runs of the comparison, each once."""
        runs = (
            self.seed_run(choice, seed)
            for choice in chosen.choices
            for seed in self.plan.seeds(is_finalist=chosen.is_finalist(choice))
        )
        yield from dict.fromkeys(runs)

    def ended(self, choice: Choice, seeds: Sequence[int] = ()) -> dict[int, Result]:
        """Return the results of a choice so far, by seed; of the comparison's, if none is named."""
        wanted = seeds or self.plan.seeds(is_finalist=True)
        runs = {seed: self.seed_run(choice, seed) for seed in wanted}
        return {s: found for s, run in runs.items() if (found := self.ledger.results.get(run))}

    def seed_run(self, choice: Choice, seed: int) -> Run:
        """Return the run of a choice with a seed; class biases need images of D_val for them."""
        held_out = self._judged_by_half and choice.calibration == "class_biases"
        return Run(choice.entry, seed, held_out)

    def _judged(self, entries: Sequence[str], seeds: Sequence[int]) -> list[Run]:
        return [Run(entry, seed, self._judged_by_half) for entry in entries for seed in seeds]

    def _choice(self, method: str, calibration: str, seeds: Sequence[int]) -> Choice | None:
        ranked = self._ranked(self.kept(method), seeds, calibration)
        if not ranked:
            return None  # each trial diverged
        scores = self._scores(ranked[0], seeds, calibration)
        return Choice(method, calibration, ranked[0], *scores, len(self.trials[method]))

    def _ranked(self, entries: Sequence[str], seeds: Sequence[int], calibration: str) -> list[str]:
        """Return the entries without a diverged run, the best mean on D_val first."""
        results = self.ledger.results
        fine = [
            e for e in entries if not any(results[r].diverged for r in self._judged([e], seeds))
        ]

        def rank(entry: str) -> tuple[float, float]:
            accuracy, loss = self._scores(entry, seeds, calibration)
            return -accuracy, loss

        return sorted(fine, key=rank)

    def _scores(self, entry: str, seeds: Sequence[int], calibration: str) -> tuple[float, float]:
        found: list[Mapping[str, float | None]] = [
            self.ledger.results[run].of(calibration) for run in self._judged([entry], seeds)
        ]
        accuracies, losses = (
            [value for result in found if (value := result[name]) is not None]
            for name in ("val_accuracy", "val_loss")
        )
        return fmean(accuracies), fmean(losses)
