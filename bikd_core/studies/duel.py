"""Two configurations over seeds: what is said of the difference, and what is kept of it."""

from __future__ import annotations

from typing import Any

from bikd_core.config import ConfigError
from bikd_core.studies.answer import Line
from bikd_core.studies.comparison import Comparison
from bikd_core.studies.entries import label_of
from bikd_core.studies.report import Report, protocol_of

GOAL = 0.01  # of balanced accuracy: the lead that this project is after


def check(comparison: Comparison) -> None:
    """Refuse what is no duel.

    Raises:
        ConfigError: There are not two entries, or only one seed, which has no interval.
    """
    if len(comparison.methods) != 2:
        raise ConfigError(
            f"methods = {', '.join(comparison.methods)!r} is not possible: a duel is of two."
        )
    if len(comparison.seeds) < 2:
        raise ConfigError(
            f"seeds = {comparison.seeds[0]} is not possible: an interval needs at least two."
        )


def verdict(report: Report) -> str:
    """Who leads by how much, in a sentence; a lead is claimed only where its interval excludes 0.

    Args:
        report: Of two entries; the reference is the second.
    """
    reference = report.comparison.reference
    line = next((line for line in report.lines if line.method != reference), None)
    lead = line.lead.get("accuracy") if line is not None else None
    if line is None or lead is None or lead.low is None or lead.high is None:
        return "There is no answer yet: fewer than two seeds have run with both."
    low, high, mean = (f"{100 * value:+.1f}" for value in (lead.low, lead.high, lead.mean))
    said = f"{mean} points of balanced accuracy (95 % interval {low} to {high}, paired by seed)"
    first, second = line.label, label_of(reference)
    if not lead.excludes_zero:
        return f"No lead: {first} against {second} is {said}; the interval holds 0."
    if lead.mean < 0:
        return f"{second} leads {first}: {said}."
    goal = "reached" if lead.mean >= GOAL else "missed"
    return f"{first} leads {second}: {said}; the goal of a point is {goal}."


def as_data(report: Report) -> dict[str, Any]:
    """A duel as JSON has it: small, with every seed's accuracy, so that others can compute."""
    comparison = report.comparison
    return {
        "protocol": protocol_of(comparison),
        "verdict": verdict(report),
        "lead": {
            line.method: {name: value._asdict() for name, value in line.lead.items()}
            for line in report.lines
            if line.lead
        },
        "accuracy_by_seed": {line.method: _by_seed(line) for line in report.lines},
        "failed": dict(report.missing),
    }


def _by_seed(line: Line) -> dict[str, float]:
    return {str(seed): value for seed, value in zip(line.seeds, line.accuracies, strict=True)}
