"""A duel: two configurations over seeds, a verdict in words, and the numbers behind it."""

from __future__ import annotations

from typing import Any

from bikd_core.config import ConfigError
from bikd_core.studies.answer import Line
from bikd_core.studies.comparison import Comparison
from bikd_core.studies.report import Report, protocol_of
from bikd_core.studies.significance import power_sentence

GOAL = 0.01  # lead in balanced accuracy that this project aims at


def check(comparison: Comparison) -> None:
    """Check that a comparison is a duel.

    Raises:
        ConfigError: There are not exactly two entries, or there is only one seed.
    """
    if len(comparison.methods) != 2:
        raise ConfigError(
            f"methods = {', '.join(comparison.methods)!r} is not possible: a duel has two entries."
        )
    if len(comparison.seeds) < 2:
        raise ConfigError(
            f"seeds = {comparison.seeds[0]} is not possible: an interval needs at least two."
        )


def verdict(report: Report) -> str:
    """Return a sentence on who leads; a lead is claimed only if its interval excludes 0.

    Args:
        report: The report of a duel, whose reference is the second entry.
    """
    reference = report.comparison.reference
    line = next((line for line in report.lines if line.method != reference), None)
    lead = line.lead.get("accuracy") if line is not None else None
    if line is None or lead is None or lead.low is None or lead.high is None:
        return "There is no answer yet: both entries must have finished at least two common seeds."
    low, high, mean = (f"{100 * value:+.1f}" for value in (lead.low, lead.high, lead.mean))
    lead_in_words = (
        f"{mean} points of balanced accuracy (95 % interval {low} to {high}, paired by seed)"
    )
    first, second = line.label, report.comparison.labels[reference]
    if not lead.excludes_zero:
        shown = power_sentence([line.test] if line.test is not None else [])
        words = f"No lead: {first} against {second} is {lead_in_words}; the interval holds 0."
        return f"{words} {shown}".rstrip()
    if lead.mean < 0:
        return f"{second} leads {first}: {lead_in_words}."
    goal = "reached" if lead.mean >= GOAL else "missed"
    return f"{first} leads {second}: {lead_in_words}; the goal of one point is {goal}."


def as_data(report: Report) -> dict[str, Any]:
    """Return a duel as plain data for JSON, with the accuracy of every seed to recompute it."""
    comparison = report.comparison
    return {
        "protocol": protocol_of(comparison),
        "verdict": verdict(report),
        "lead": {
            line.method: {name: value._asdict() for name, value in line.lead.items()}
            for line in report.lines
            if line.lead
        },
        "test": {
            line.method: line.test._asdict() for line in report.lines if line.test is not None
        },
        "accuracy_by_seed": {line.method: _by_seed(line) for line in report.lines},
        "failed": dict(report.missing),
    }


def _by_seed(line: Line) -> dict[str, float]:
    return {str(seed): value for seed, value in zip(line.seeds, line.accuracies, strict=True)}
