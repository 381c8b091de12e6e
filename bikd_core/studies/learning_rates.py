"""Entries that differ in the learning rate alone: who is only under- or overpowered at one rate."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bikd_core.config import RunConfig
from bikd_core.studies.calibration import Calibration
from bikd_core.studies.comparison import Comparison
from bikd_core.studies.entries import Entry, read_entry

#: The rates at which the question compares each method, besides the comparison's own.
RATES = (0.02, 0.05, 0.1, 0.2, 0.5)
_RATE = "learning_rate"


class RateCurve(NamedTuple):
    """A method at several learning rates."""

    label: str  # the method in words, without the rate
    default: float  # the comparison's rate, which an entry without its own takes
    rates: tuple[float, ...]  # from the lowest
    entries: tuple[str, ...]  # the entry at each rate, as text


def with_learning_rates(methods: Sequence[str], base: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the entries of the question: each method at its own rate and at those of `RATES`.

    Args:
        methods: Entries as text; one that sets its learning rate stays alone.
        base: The controls of the comparison.

    Raises:
        ConfigError: An entry is not possible.
    """
    entries: list[str] = []
    for text in methods:
        entries.append(text)
        if _RATE not in read_entry(text, base).own_controls:
            others = [rate for rate in RATES if rate != float(base[_RATE])]
            entries += [f"{text}{',' if ':' in text else ':'}{_RATE}={rate:g}" for rate in others]
    return tuple(dict.fromkeys(entries))


def rate_curves(comparison: Comparison) -> list[RateCurve]:
    """Return each method that is compared at two learning rates or more, in the entries' order."""
    base = comparison.base
    groups: dict[tuple[RunConfig, Calibration], list[tuple[float, Entry]]] = {}
    for entry in comparison.entries:
        config = comparison.config_of(entry, comparison.seeds[0])
        alike = config.changed(learning_rate=base.training.learning_rate)
        key = alike, comparison.calibration_of(entry)
        groups.setdefault(key, []).append((config.training.learning_rate, entry))
    curves = []
    for (alike, _), found in groups.items():
        ordered = sorted(found, key=lambda pair: pair[0])
        if len(ordered) > 1:
            curves.append(
                RateCurve(
                    _label(ordered[0][1], alike),
                    base.training.learning_rate,
                    tuple(rate for rate, _ in ordered),
                    tuple(entry.text for _, entry in ordered),
                )
            )
    return curves


def _label(entry: Entry, config: RunConfig) -> str:
    options = tuple(pair for pair in entry.options if pair[0] != _RATE)
    return dataclasses.replace(entry, options=options).label_in(config.flat())
