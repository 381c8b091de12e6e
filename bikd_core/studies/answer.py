"""Means over seeds with 95 % intervals, and differences paired by seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, stdev
from types import MappingProxyType
from typing import NamedTuple

from bikd_core.config import signed as with_sign
from bikd_core.events import EpochDone
from bikd_core.studies.significance import PairedTest, paired_tests

CONFIDENCE = 0.95
#: What is compared: by name, how to read it from an epoch. Accuracies are fractions.
METRICS: dict[str, Callable[[EpochDone], float]] = {
    "accuracy": lambda epoch: epoch.accuracy,
    "accuracy_many": lambda epoch: epoch.accuracy_many,
    "accuracy_medium": lambda epoch: epoch.accuracy_medium,
    "accuracy_few": lambda epoch: epoch.accuracy_few,
    "calibration_error": lambda epoch: epoch.calibration_error,
}


class Interval(NamedTuple):
    """A mean with its 95 % confidence interval; a single value has no interval."""

    mean: float
    low: float | None
    high: float | None

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval excludes 0, so that a difference may be claimed."""
        return self.low is not None and self.high is not None and self.low * self.high > 0


class Line(NamedTuple):
    """The result of one entry of a comparison. Per-class fields are in label order."""

    method: str  # the entry as text
    seeds: tuple[int, ...]  # that have a run which counts
    values: dict[str, Interval]  # by metric
    #: By metric: this entry minus the reference on the same seeds. Empty for the reference itself
    #: and if no seed is common.
    lead: dict[str, Interval]
    test: PairedTest | None  # of the lead in balanced accuracy, over all leads; None without one
    #: As its runs were trained. Runs of different moments or machines do not compare in it.
    seconds_per_epoch: float
    label: str  # the entry in words
    accuracies: tuple[float, ...]  # balanced, in the order of `seeds`
    per_class: tuple[Interval, ...]
    per_class_lead: tuple[Interval, ...]  # paired by seed; empty if `lead` is
    #: The balanced accuracy by calibration: without and with class biases; empty where some run has
    #: none.
    by_calibration: Mapping[str, Interval] = MappingProxyType({})


def answer(
    chosen: Mapping[str, Mapping[int, EpochDone]],
    seconds: Mapping[str, float],
    reference: str,
    labels: Mapping[str, str],
) -> list[Line]:
    """Return one line per entry, the best mean balanced accuracy first.

    Args:
        chosen: By entry and seed, the epoch that counts; only of runs that finished.
        seconds: Mean seconds of an epoch, by entry.
        reference: The entry that the others are compared to; it may be missing.
        labels: Each entry in words.
    """
    lines = [
        _line(
            method,
            by_seed,
            chosen.get(reference, {}) if method != reference else {},
            seconds[method],
            labels[method],
        )
        for method, by_seed in chosen.items()
        if by_seed
    ]
    tests = iter(paired_tests([_leads(chosen, line, reference) for line in lines if line.lead]))
    lines = [line._replace(test=next(tests)) if line.lead else line for line in lines]
    return sorted(lines, key=lambda line: -line.values["accuracy"].mean)


def _leads(
    chosen: Mapping[str, Mapping[int, EpochDone]], line: Line, reference: str
) -> list[float]:
    """Return the lead in balanced accuracy of each seed in common."""
    own, others = chosen[line.method], chosen[reference]
    return [own[seed].accuracy - others[seed].accuracy for seed in line.seeds if seed in others]


def _line(
    method: str,
    by_seed: Mapping[int, EpochDone],
    others: Mapping[int, EpochDone],
    seconds: float,
    label: str,
) -> Line:
    epochs = list(by_seed.values())
    pairs = [(by_seed[seed], others[seed]) for seed in sorted(set(by_seed) & set(others))]
    classes = range(len(epochs[0].accuracy_per_class))
    return Line(
        method=method,
        seeds=tuple(sorted(by_seed)),
        values={
            name: interval([read(epoch) for epoch in epochs]) for name, read in METRICS.items()
        },
        lead={
            name: interval([read(own) - read(other) for own, other in pairs])
            for name, read in METRICS.items()
            if pairs
        },
        test=None,
        seconds_per_epoch=seconds,
        label=label,
        accuracies=tuple(by_seed[seed].accuracy for seed in sorted(by_seed)),
        per_class=tuple(interval([e.accuracy_per_class[c] for e in epochs]) for c in classes),
        per_class_lead=tuple(
            interval([a.accuracy_per_class[c] - b.accuracy_per_class[c] for a, b in pairs])
            for c in classes
            if pairs
        ),
    )


def interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the mean with Student's t interval; for paired differences, that of the paired t-test.

    Raises:
        ValueError: `values` is empty.
    """
    from scipy.special import stdtrit  # `scipy.stats` takes over a second to import

    if not values:
        raise ValueError("There are no values, so there is no mean.")
    if len(values) == 1:
        return Interval(values[0], None, None)
    mean, error = fmean(values), stdev(values) / math.sqrt(len(values))
    half = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * error
    return Interval(mean, mean - half, mean + half)


def in_percent(value: Interval, *, signed: bool = False) -> str:
    """Return a mean in percent with half its interval, such as "61.2 ± 1.4" or "−0.3 ± 1.4"."""
    mean = with_sign(100 * value.mean)
    if not signed:
        mean = mean.removeprefix("+")
    if value.high is None:
        return mean
    return f"{mean} ± {100 * (value.high - value.mean):.1f}"
