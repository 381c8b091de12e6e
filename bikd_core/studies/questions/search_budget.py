"""What does the budget of a search change in the ranking? One pool of random trials a method."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from statistics import fmean
from typing import NamedTuple

import numpy as np

from bikd_core.config import METHOD_FACTS, RunConfig
from bikd_core.studies.draw import trials_of
from bikd_core.studies.results import Point, Results
from bikd_core.studies.search import Search
from bikd_core.studies.study import Cell, Design, Study

BUDGETS = (4, 16, 64)
POOL = 96  # trials of each method
NUM_DRAWS = 2000
_SEEDS = (1000, 1001, 1002)  # those of the trials of `bikd bench answer`: it draws the same ones
BIKD = "bikd:over=prior_kd,weight_scale=relative,meta_loss=hard,inner_steps=1,weight_form=free"
METHODS = {
    **{METHOD_FACTS[name].title: name for name in ("kd", "balanced_softmax", "ltkd", "prior_kd")},
    "Relative BiKD": f"{BIKD},cross_fit=false",
}
_DIGITS = Design(seeds=_SEEDS, base={"train_on_val": "no"})


@cache
def _trials(dataset: str) -> dict[str, list[str]]:
    """Return the entries of each method's trials; the first is the method itself."""
    base = RunConfig.from_flat({"dataset": dataset, **_DIGITS.base})
    search = Search(base, tuple(METHODS.values()), POOL, seeds=_SEEDS, splits="follow")
    return {title: trials_of(search, method, {}) for title, method in METHODS.items()}


def cells(dataset: str) -> list[Cell]:
    """Return every trial of every method."""
    return [
        Cell(f"{title}, trial {number}", entry, title, number)
        for title, entries in _trials(dataset).items()
        for number, entry in enumerate(entries)
    ]


class Drawn(NamedTuple):
    """Searches of some budget: what each method's best trial on D_val has on the test set."""

    accuracies: dict[str, np.ndarray]  # by method, [draws]
    order: list[str]  # the methods by their mean, the best first
    share: float  # of the draws whose best method is the one of the whole pool
    swapped: float  # mean share of the pairs of methods that stand the other way round


def _scores(results: Results, title: str) -> np.ndarray:
    """Return D_val accuracy, loss and test accuracy of a method's finished trials; [trials, 3]."""
    rows = []
    for cell in results.cells(title):
        values = [
            [*results.values(cell, name).values()]
            for name in ("val_accuracy", "val_loss", "accuracy")
        ]
        if min(map(len, values)) == len(results.grid.seeds):
            rows.append([fmean(column) for column in values])
    return np.array(rows).reshape(-1, 3)


def draws(results: Results, budget: int) -> Drawn | None:
    """Return searches of a budget, drawn without replacement; None where trials are missing."""
    scores = {title: _scores(results, title) for title in METHODS}
    if min(map(len, scores.values())) < budget:
        return None
    found: dict[str, np.ndarray] = {}
    whole: dict[str, float] = {}
    for title, rows in scores.items():
        rows = rows[np.lexsort((rows[:, 1], -rows[:, 0]))]  # the best on D_val first
        generator = np.random.default_rng([budget, len(found)])
        best = generator.random((NUM_DRAWS, len(rows))).argsort(1)[:, :budget].min(1)
        found[title], whole[title] = rows[best, 2], float(rows[0, 2])
    order = sorted(found, key=lambda title: -found[title].mean())
    table = np.stack(list(found.values()))
    winner = max(whole, key=lambda title: whole[title])
    share = float((table.argmax(0) == list(found).index(winner)).mean())
    pairs = [
        ((found[a] - found[b]) * (whole[a] - whole[b]) < 0).mean()
        for a, b in combinations(found, 2)
    ]
    return Drawn(found, order, share, float(np.mean(pairs)))


def points(results: Results) -> list[Point]:
    """Return for each method and budget the mean over searches, and where 95 % of them lie."""
    found = []
    for budget in BUDGETS:
        drawn = draws(results, budget)
        for title, values in (drawn.accuracies if drawn else {}).items():
            low, high = np.quantile(values, (0.025, 0.975))
            label = f"{title}, {budget} trials"
            ends = float(values.mean()), float(low), float(high)
            found.append(Point(title, budget, label, *ends, {}))
    return found


def verdict(results: Results) -> str:
    """Return how the ranking depends on the budget."""
    sentences = []
    for budget in BUDGETS:
        drawn = draws(results, budget)
        if drawn is None:
            sentences.append(f"There are fewer than {budget} finished trials of some method.")
            break
        ranked = ", ".join(f"{t} {100 * drawn.accuracies[t].mean():.1f}" for t in drawn.order)
        sentences.append(
            f"With {budget} trials each: {ranked} (%); {drawn.share:.0%} of {NUM_DRAWS:,} searches "
            f"have the winner of all {POOL}, and {drawn.swapped:.0%} of the pairs of methods stand "
            "the other way round than there."
        )
    return " ".join(sentences)


STUDY = Study(
    name="search_budget",
    title="What does the budget of a search change?",
    question="Would 4, 16 or 64 trials of each method rank the methods differently?",
    why="Published tables tune their own method longer than its rivals; how much that decides is "
    "not known.",
    designs={"digits": _DIGITS},
    cells=cells,
    verdict=verdict,
    x="Trials of each method",
    points=points,
)
