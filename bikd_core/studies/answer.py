"""Means over seeds with their 95 % intervals, and differences paired by seed; by scipy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import fmean
from typing import NamedTuple

from bikd_core.events import EpochDone
from bikd_core.studies.entries import label_of

CONFIDENCE = 0.95
#: What is compared, by name: a number of an epoch. Accuracies are fractions.
METRICS: dict[str, Callable[[EpochDone], float]] = {
    "accuracy": lambda epoch: epoch.accuracy,
    "accuracy_many": lambda epoch: epoch.accuracy_many,
    "accuracy_medium": lambda epoch: epoch.accuracy_medium,
    "accuracy_few": lambda epoch: epoch.accuracy_few,
    "calibration_error": lambda epoch: epoch.calibration_error,
}


class Interval(NamedTuple):
    """A mean and where the true one lies at 95 % confidence; one run alone has no interval."""

    mean: float
    low: float | None
    high: float | None

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference may be claimed."""
        return self.low is not None and self.high is not None and self.low * self.high > 0


class Line(NamedTuple):
    """One entry's answer. Per-class fields are in label order."""

    method: str  # the entry as text
    seeds: tuple[int, ...]  # of the runs that count
    values: dict[str, Interval]  # by metric
    #: By metric, less the reference's on the same seeds; empty for the reference itself, and where
    #: no seed is common.
    lead: dict[str, Interval]
    seconds_per_epoch: float
    label: str  # for people
    cost: float | None  # its seconds per epoch over plain KD's; None without KD in the comparison
    accuracies: tuple[float, ...]  # balanced, in the order of `seeds`
    per_class: tuple[Interval, ...]
    per_class_lead: tuple[Interval, ...]  # paired by seed; empty where `lead` is


def answer(
    chosen: Mapping[str, Mapping[int, EpochDone]],
    seconds: Mapping[str, float],
    reference: str,
) -> list[Line]:
    """The comparison's lines, best mean balanced accuracy first.

    Args:
        chosen: The epoch that counts, by entry and seed. Only what ran is in here.
        seconds: Mean seconds of an epoch by entry.
        reference: The entry that the others' leads are over; it may be missing.
    """
    kd = seconds.get("kd")
    lines = [
        _line(
            method,
            by_seed,
            chosen.get(reference, {}) if method != reference else {},
            seconds[method],
            seconds[method] / kd if kd else None,
        )
        for method, by_seed in chosen.items()
        if by_seed
    ]
    return sorted(lines, key=lambda line: -line.values["accuracy"].mean)


def _line(
    method: str,
    by_seed: Mapping[int, EpochDone],
    others: Mapping[int, EpochDone],
    seconds: float,
    cost: float | None,
) -> Line:
    epochs = list(by_seed.values())
    pairs = [(by_seed[seed], others[seed]) for seed in sorted(set(by_seed) & set(others))]
    classes = range(len(epochs[0].accuracy_per_class))
    return Line(
        method=method,
        seeds=tuple(sorted(by_seed)),
        values={name: interval([of(epoch) for epoch in epochs]) for name, of in METRICS.items()},
        lead={
            name: interval([of(this) - of(other) for this, other in pairs])
            for name, of in METRICS.items()
            if pairs
        },
        seconds_per_epoch=seconds,
        label=label_of(method),
        cost=cost,
        accuracies=tuple(by_seed[seed].accuracy for seed in sorted(by_seed)),
        per_class=tuple(interval([e.accuracy_per_class[c] for e in epochs]) for c in classes),
        per_class_lead=tuple(
            interval([a.accuracy_per_class[c] - b.accuracy_per_class[c] for a, b in pairs])
            for c in classes
            if pairs
        ),
    )


def interval(values: list[float]) -> Interval:
    """The mean with Student's t interval; of paired differences that is the paired t-test's.

    Raises:
        ValueError: There are no values.
    """
    from scipy import stats

    if not values:
        raise ValueError("no values, so there is no mean")
    if len(values) == 1:
        return Interval(values[0], None, None)
    mean, error = fmean(values), float(stats.sem(values))
    if error == 0:  # all values are equal, and scipy would say not-a-number
        return Interval(mean, mean, mean)
    low, high = stats.t.interval(CONFIDENCE, len(values) - 1, loc=mean, scale=error)
    return Interval(mean, float(low), float(high))
