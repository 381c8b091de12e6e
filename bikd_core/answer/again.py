"""Tests once more, on seeds that nothing has seen, what the seeds of an answer suggest.

What looks best among many in a test is partly lucky. Whether it leads is asked anew: on other
splits, with teachers of their own, over every rival that the first seeds left near the best one.
"""

from __future__ import annotations

from statistics import fmean
from typing import Any, NamedTuple

from bikd_core.answer.ledger import Run
from bikd_core.answer.report import accuracies_of, as_entry, leads, row_of
from bikd_core.answer.stages import Answer, Choice
from bikd_core.config import ConfigError

SEEDS = tuple(range(300, 420))
NEAR = 0.03  # of the best rival, as a fraction of balanced accuracy


class Contest(NamedTuple):
    """A choice that is tested again, and those that it meets."""

    own: Choice
    rivals: tuple[Choice, ...]  # the best on the first seeds first

    @property
    def choices(self) -> tuple[Choice, ...]:
        """All of them."""
        return (self.own, *self.rivals)


def contest_of(answer: Answer, method: str) -> Contest:
    """Return what is tested again.

    Args:
        answer: Its seeds have ended.
        method: A `method` of the answer's rows.

    Raises:
        ConfigError: No row has it, or the seeds have not ended.
    """
    chosen = answer.chosen()
    if answer.missing(list(answer.seed_runs(chosen))):
        raise ConfigError(
            f"again is not possible yet: first run `bikd bench answer {answer.plan.name}`."
        )
    by_method = {as_entry(answer, choice): choice for choice in chosen.choices}
    if method not in by_method:
        raise ConfigError(
            f"again = {method[:300]!r} is not possible: it must be a `method` of "
            f"answer-{answer.plan.name}.json, such as {next(iter(by_method))!r}."
        )
    own = by_method[method]
    means = {
        choice: fmean(found.values())
        for choice in chosen.choices
        if choice.method in answer.plan.rivals
        and choice != own
        and (found := accuracies_of(choice, answer.ended(choice)))
    }
    best = max(means.values())
    near = sorted((c for c in means if means[c] >= best - NEAR), key=lambda c: -means[c])
    return Contest(own, tuple(near))


def runs_of(answer: Answer, contest: Contest) -> list[Run]:
    """Return the runs of a contest, each once, seed by seed."""
    runs = (answer.seed_run(choice, seed) for seed in SEEDS for choice in contest.choices)
    return list(dict.fromkeys(runs))


def result(answer: Answer, contest: Contest) -> dict[str, Any]:
    """Return the content of the result file: `rows` and `leads` as those of an answer."""
    own = as_entry(answer, contest.own)
    rows = [row for c in contest.choices if (row := row_of(answer, c, answer.ended(c, SEEDS)))]
    return {
        "answer": answer.plan.name,
        "base": dict(answer.plan.base),
        "bikd": own,
        "rows": sorted(rows, key=lambda row: -fmean(row["accuracies"])),
        "leads": leads(own, rows),
    }
