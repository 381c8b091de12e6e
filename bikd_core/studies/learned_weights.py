"""What learned weights add: an objective beside BiKD over it, paired by seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from bikd_core.config import METHOD_FACTS, ConfigError, listed
from bikd_core.config.difference import differences
from bikd_core.config.methods.bikd import Options
from bikd_core.events import EpochDone
from bikd_core.studies.answer import METRICS, Interval, in_percent, interval
from bikd_core.studies.comparison import Comparison
from bikd_core.studies.entries import Entry, read_entry
from bikd_core.studies.significance import (
    SIGNIFICANCE,
    PairedTest,
    correction,
    p_in_words,
    paired_tests,
    points_in_words,
    power_sentence,
)

Claim = Literal["adds", "takes", "undecided"]
#: The metrics in which a gain is claimed, and their words in a sentence.
CLAIMED = {"accuracy": "balanced accuracy", "accuracy_few": "accuracy on the few-shot classes"}
#: The objectives of the question where none are named.
USUAL_OBJECTIVES = ("kd", "ltkd", "prior_kd")


class Gain(NamedTuple):
    """What relative weights add to an objective: BiKD over it minus the objective itself."""

    objective: str  # the entry as text
    weighted: str  # the entry of BiKD over it
    label: str  # the objective in words
    seeds: tuple[int, ...]  # that both have finished
    differences: dict[str, Interval]  # by metric, as fractions; empty without a common seed
    tests: dict[str, PairedTest]  # by metric of `CLAIMED`, corrected over the objectives

    def claim(self, metric: str) -> Claim:
        """Return what may be claimed about a metric."""
        if not self.tests[metric].is_claim:
            return "undecided"
        return "adds" if self.differences[metric].mean > 0 else "takes"


def with_learned_weights(objectives: Sequence[str], base: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the entries of the question: each objective, and the relative form of BiKD over it.

    Args:
        objectives: Entries as text.
        base: The controls of the comparison.

    Raises:
        ConfigError: An entry is not possible, or has learned weights already.
    """
    entries: list[str] = []
    for text in objectives:
        method, options = read_entry(text, base).method, text.partition(":")[2]
        if METHOD_FACTS[method].has_weight_net:
            plain = [name for name, facts in METHOD_FACTS.items() if not facts.has_weight_net]
            raise ConfigError(
                f"methods = {text[:80]!r} is not possible for the question weights: it has "
                f"learned weights already; each must be one of {', '.join(plain)}."
            )
        over = ",".join(filter(None, [f"relative:over={method}", options]))
        entries += [text, over]
    return tuple(entries)


def check_pairs(comparison: Comparison, num_objectives: int) -> None:
    """Check that each objective of the question has its pair.

    Raises:
        ConfigError: A fault of the published comparison treats the two of a pair differently.
    """
    if len(_pairs(comparison)) < num_objectives:
        raise ConfigError(
            f"faults = {', '.join(comparison.faults)!r} is not possible for the question weights: "
            "an objective and BiKD over it may differ in the learned weights alone."
        )


def gains(comparison: Comparison, epochs: Mapping[str, Mapping[int, EpochDone]]) -> list[Gain]:
    """Return the gain of each objective that is compared with relative weights over it.

    Args:
        comparison: Any comparison; without such a pair there is no gain.
        epochs: By entry and seed, the epoch that counts; only of runs that finished.
    """
    pairs = _pairs(comparison)
    labels, said = comparison.labels, Counter(objective.text for objective, _ in pairs)
    leads = [
        _leads(epochs.get(objective.text, {}), epochs.get(weighted.text, {}))
        for objective, weighted in pairs
    ]
    tests = {name: paired_tests([lead[name] for _, lead in leads]) for name in CLAIMED}
    return [
        Gain(
            objective=objective.text,
            weighted=weighted.text,
            label=labels[objective.text]
            if said[objective.text] == 1
            else f"{labels[objective.text]}: {labels[weighted.text]}",
            seeds=seeds,
            differences={name: interval(values) for name, values in lead.items() if values},
            tests={name: tests[name][row] for name in CLAIMED},
        )
        for row, ((objective, weighted), (seeds, lead)) in enumerate(zip(pairs, leads, strict=True))
    ]


def _pairs(comparison: Comparison) -> list[tuple[Entry, Entry]]:
    """Return objectives and BiKD over them, relative, which differ in nothing that both read."""
    configs = [
        (entry, comparison.config_of(entry, comparison.seeds[0])) for entry in comparison.entries
    ]
    return [
        (plain, weighted)
        for plain, own in configs
        for weighted, config in configs
        if isinstance(config.method, Options)
        and config.method.weight_scale == "relative"
        and config.method.over == plain.method
        and [change.name for change in differences(own, config)] == ["method"]
        and comparison.calibration_of(plain) == comparison.calibration_of(weighted)
        and comparison.chooses_by_val(plain) == comparison.chooses_by_val(weighted)
    ]


def _leads(
    own: Mapping[int, EpochDone], weighted: Mapping[int, EpochDone]
) -> tuple[tuple[int, ...], dict[str, list[float]]]:
    """Return the common seeds, and by metric the difference of each."""
    seeds = tuple(sorted(set(own) & set(weighted)))
    return seeds, {
        name: [read(weighted[seed]) - read(own[seed]) for seed in seeds]
        for name, read in METRICS.items()
    }


def verdict(found: Sequence[Gain]) -> str:
    """Return in words to which objectives learned weights add, and about which nothing is known."""
    done = [gain for gain in found if gain.differences]
    if not done:
        return (
            "There is no answer yet: an objective and BiKD over it must have finished a common "
            "seed."
        )
    sentences = [_claims(done, metric, words) for metric, words in CLAIMED.items()]
    balanced = [gain.tests["accuracy"] for gain in done]
    if any(test.p_value is not None for test in balanced):
        over = correction(balanced)
        sentences.append(f"A claim is p < {SIGNIFICANCE:g} in the t-test paired by seed{over}.")
        sentences += filter(None, [power_sentence(balanced)])
    alone = [gain.label for gain in done if len(gain.seeds) == 1]
    if alone:
        sentences.append(f"One common seed allows no claim: {', '.join(alone)}.")
    return " ".join(sentences)


def _claims(found: Sequence[Gain], metric: str, words: str) -> str:
    """Return the claims about one metric; "no claim" for all others."""
    parts = []
    for claim, verb in (("adds", "add {} to"), ("takes", "take {} from")):
        named = [
            f"{gain.label} ({_points(gain.differences[metric])} points)"
            for gain in found
            if gain.claim(metric) == claim
        ]
        if named:
            parts.append(f"{verb.format(words)} {listed(named)}")
    undecided = [gain.label for gain in found if gain.claim(metric) == "undecided"]
    if not parts:
        return f"No claim about {words}: {listed(undecided)}."
    sentence = f"Learned weights {' and '.join(parts)}"
    return f"{sentence}; no claim about {listed(undecided)}." if undecided else f"{sentence}."


def _points(value: Interval) -> str:
    return in_percent(value, signed=True)


def as_data(found: Sequence[Gain]) -> dict[str, Any]:
    """Return the gains as plain data for JSON."""
    return {
        "verdict": verdict(found),
        "objectives": [
            {
                "objective": gain.objective,
                "weighted": gain.weighted,
                "seeds": list(gain.seeds),
                "gain": {name: value._asdict() for name, value in gain.differences.items()},
                "p_value_holm": {name: test.p_value for name, test in gain.tests.items()},
                "could_have_shown": {name: test.detectable for name, test in gain.tests.items()},
                "claim": {name: gain.claim(name) for name in CLAIMED},
            }
            for gain in found
        ],
    }


def table(found: Sequence[Gain]) -> list[list[str]]:
    """Return heading and rows as text: points over the objective itself, ± half the interval."""
    head = ["learned weights over", "seeds"]
    for name in ("balanced", "few"):
        head += [name, "p (Holm)", "could show"]
    rows = []
    for gain in found:
        row = [gain.label, str(len(gain.seeds))]
        for name in CLAIMED:
            value, test = gain.differences.get(name), gain.tests[name]
            row.append("–" if value is None else in_percent(value, signed=True))
            row += [p_in_words(test.p_value), points_in_words(test.detectable)]
        rows.append(row)
    return [head, *rows]
