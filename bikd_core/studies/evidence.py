"""What the rows of a study show: differences paired by seed, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bikd_core.config import listed
from bikd_core.studies.answer import Interval, in_percent, interval
from bikd_core.studies.results import Results
from bikd_core.studies.significance import (
    SIGNIFICANCE,
    PairedTest,
    correction,
    paired_tests,
)
from bikd_core.studies.study import Cell

_MOST_NAMED = 5
_RULE = "A claim"  # begins the sentence that says what may be claimed


class Lead(NamedTuple):
    """The difference of two cells, paired by seed."""

    label: str  # what it is called in a sentence
    seeds: tuple[int, ...]  # that both have finished
    difference: Interval | None  # of the means, as a fraction; None without a common seed
    test: PairedTest  # corrected over all leads that were asked together

    @property
    def claim(self) -> int:
        """1 or −1 if the difference may be claimed, by its sign; else 0."""
        if self.difference is None or not self.test.is_claim:
            return 0
        return 1 if self.difference.mean > 0 else -1

    @property
    def points(self) -> str:
        """The difference in points, such as "+2.1 ± 0.8"."""
        if self.difference is None:
            return "unknown"
        return in_percent(self.difference, signed=True)


def leads(
    results: Results, pairs: Iterable[tuple[str, Cell, Cell]], measure: str = "accuracy"
) -> list[Lead]:
    """Return the lead of a cell over another one for each pair, corrected by Holm over all.

    Args:
        results: Of the study.
        pairs: What each is called, the cell, and the one that it is compared to.
        measure: What is compared, in which more is better.
    """
    values = [
        (label, results.values(own, measure), results.values(other, measure))
        for label, own, other in pairs
    ]
    return leads_of(
        (label, {seed: own[seed] - other[seed] for seed in sorted(own.keys() & other.keys())})
        for label, own, other in values
    )


def leads_of(differences: Iterable[tuple[str, dict[int, float]]]) -> list[Lead]:
    """Return a lead for each set of differences by seed, corrected by Holm over all."""
    named = list(differences)
    tests = paired_tests([list(by_seed.values()) for _, by_seed in named])
    return [
        Lead(label, tuple(by_seed), interval([*by_seed.values()]) if by_seed else None, test)
        for (label, by_seed), test in zip(named, tests, strict=True)
    ]


def claims(found: Sequence[Lead], more: str, less: str, prefix: str = "") -> str:
    """Return in one or two sentences which differences may be claimed, and what else was possible.

    Args:
        found: Leads that were asked together.
        more: Begins the list of those above 0, such as "Learned weights add to".
        less: Begins the list of those below 0.
        prefix: What all of it is about, such as "On CIFAR-10: ".
    """
    parts = []
    for sign, words in ((1, more), (-1, less)):
        claimed = [lead for lead in found if lead.claim == sign]
        if claimed:
            parts.append(f"{words} {_named(claimed)}")
    undecided = [lead for lead in found if lead.claim == 0]
    sentences = [f"{'; '.join(parts)}."] if parts else []
    if undecided:
        sentences.append(no_difference(undecided, of=len(found)))
    return prefix + " ".join([*sentences, *_how(found)])


def together(said: Sequence[str]) -> str:
    """Return texts of `claims` one after the other; a rule that all of them end with comes once."""
    parts = [text.rpartition(f" {_RULE}") for text in said]
    rules = {rule for _, found, rule in parts if found}
    if len(rules) != 1 or len(said) < 2:
        return " ".join(said)
    texts = [text if found else whole for text, found, whole in parts]
    return " ".join([*texts, f"Each claim{rules.pop()}"])


def no_difference(undecided: Sequence[Lead], *, of: int = 1) -> str:
    """Return that no difference was found, and the smallest that these seeds would have shown.

    Args:
        undecided: Leads that may not be claimed.
        of: All leads that were asked together.
    """
    which = ""
    if len(undecided) < of:
        which = f" for {_some([_whole(lead.label) for lead in undecided])}"
    elif of > 1:
        which = f" in any of the {of} comparisons"
    sizes = [lead.test.detectable for lead in undecided if lead.test.detectable is not None]
    sizes = [size for size in sizes if size < 1]  # accuracies are fractions
    if not sizes:
        return f"No difference can be claimed{which}: too few seeds have finished."
    counts = sorted({len(lead.seeds) for lead in undecided})
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    low, high = f"{100 * min(sizes):.1f}", f"{100 * max(sizes):.1f}"
    size = low if low == high else f"{low} to {high}"
    return f"No difference found{which}; these {number} seeds would have shown {size} points."


def _named(claimed: Sequence[Lead]) -> str:
    """Return leads in words, the largest first."""
    ordered = sorted(claimed, key=lambda lead: -abs(lead.difference.mean if lead.difference else 0))
    return _some([f"{_whole(lead.label)} ({lead.points} points)" for lead in ordered])


def _whole(label: str) -> str:
    """Return a label that is told apart from the next one in a list."""
    return f"“{label}”" if "," in label else label


def _some(words: Sequence[str]) -> str:
    """Return a list in words, cut after a few."""
    if len(words) <= _MOST_NAMED:
        return listed(words)
    return f"{', '.join(words[: _MOST_NAMED - 1])} and {len(words) - _MOST_NAMED + 1} more"


def _how(found: Sequence[Lead]) -> list[str]:
    if not any(lead.claim for lead in found):
        return []
    over = correction([lead.test for lead in found])
    return [f"{_RULE} is p < {SIGNIFICANCE:g} in the t-test paired by seed{over}."]
