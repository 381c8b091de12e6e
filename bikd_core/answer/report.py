"""The result file of an answer: what was chosen, the accuracies of each seed, and the leads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from bikd_core.answer.ledger import Result
from bikd_core.answer.stages import Answer, Choice
from bikd_core.studies.answer import in_percent, interval
from bikd_core.studies.entries import read_entry
from bikd_core.studies.significance import SIGNIFICANCE, holm, p_in_words, p_value

Row = dict[str, Any]


def result(answer: Answer) -> dict[str, Any]:
    """Return the content of the result file; all trials have results.

    `rows` are the choices that have a seed that ended, the best mean first; `leads` are those of
    the form of BiKD that enters over each rival, paired by seed.
    """
    chosen = answer.chosen()
    rows = [row for c in chosen.choices if (row := row_of(answer, c, answer.ended(c)))]
    return {
        "answer": answer.plan.name,
        "base": dict(answer.plan.base),
        "trial_splits": list(answer.plan.trial_seeds + answer.plan.further_seeds),
        "bikd": as_entry(answer, chosen.bikd),
        "finalists": [as_entry(answer, choice) for choice in chosen.rivals],
        "rows": sorted(rows, key=lambda row: -fmean(row["accuracies"])),
        "leads": leads(as_entry(answer, chosen.bikd), rows),
    }


def as_entry(answer: Answer, choice: Choice) -> str:
    """Return a choice as `bikd compare` takes it."""
    pieces = [choice.entry]
    if answer.seed_run(choice, 0).held_out:
        pieces.append("hold_out_half=true")
    if choice.calibration != "none":
        pieces.append(f"calibration={choice.calibration}")
    first, *rest = pieces
    return ",".join(pieces) if ":" in first or not rest else f"{first}:{','.join(rest)}"


def accuracies_of(choice: Choice, ended: Mapping[int, Result]) -> dict[int, float]:
    """Return the balanced accuracy on the test set by seed, of the runs that did not diverge."""
    measured = {seed: one.of(choice.calibration)["accuracy"] for seed, one in _fine(ended).items()}
    return {seed: accuracy for seed, accuracy in measured.items() if accuracy is not None}


def _fine(ended: Mapping[int, Result]) -> dict[int, Result]:
    return {seed: result for seed, result in ended.items() if not result.diverged}


def row_of(answer: Answer, choice: Choice, ended: Mapping[int, Result]) -> Row | None:
    """Return a choice's row; None if each of its runs diverged.

    Args:
        answer: What it is a choice of.
        choice: The choice.
        ended: Results by seed.
    """
    found = _fine(ended)
    if not found:
        return None
    config = answer.config(answer.seed_run(choice, next(iter(found))))
    accuracies = accuracies_of(choice, ended)
    return {
        "method": as_entry(answer, choice),
        "label": read_entry(as_entry(answer, choice), answer.base.flat()).label_in(config.flat()),
        "of": choice.method,
        "calibration": choice.calibration,
        "is_rival": choice.method in answer.plan.rivals,
        "seeds": list(accuracies),
        "accuracies": list(accuracies.values()),
        "accuracies_few": [one.of(choice.calibration)["accuracy_few"] for one in found.values()],
        "diverged": len(ended) - len(found),
        "trials": choice.num_trials,
        "val_accuracy": choice.val_accuracy,
        "learning_rate": config.training.learning_rate,
        "seconds_per_epoch": fmean(result.seconds_per_epoch for result in found.values()),
    }


def leads(method: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the lead of one method over each rival, on the seeds of both, the smallest first.

    Each interval has the level at which Holm's correction tests that lead, so that it excludes 0
    where the corrected p-value is below 0.05, given that smaller ones are.
    """
    own = next((row for row in rows if row["method"] == method), None)
    if own is None:
        return []
    by_seed = dict(zip(own["seeds"], own["accuracies"], strict=True))
    found = []
    for row in rows:
        pairs = zip(row["seeds"], row["accuracies"], strict=True)
        differences = [by_seed[seed] - value for seed, value in pairs if seed in by_seed]
        if row["is_rival"] and len(differences) > 1:
            found.append((row["method"], differences))
    raw = [p_value(differences) for _, differences in found]
    corrected = holm(raw)
    order = sorted(range(len(found)), key=lambda number: raw[number] or 0.0)
    listed = []
    for place, number in enumerate(order):
        method, differences = found[number]
        lead = interval(differences, 1 - SIGNIFICANCE / (len(found) - place))
        listed.append(
            {
                "over": method,
                "lead": lead.mean,
                "low": lead.low,
                "high": lead.high,
                "p_value": corrected[number],
                "seeds": len(differences),
            }
        )
    return sorted(listed, key=lambda lead: lead["lead"])


def show(path: Path, *, as_json: bool) -> None:
    """Print a result file, or one of costs, as it is or as a table."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if as_json:
        print(json.dumps(content))
    else:
        Console().print(_results(content) if "leads" in content else _costs(content))


def _costs(content: Mapping[str, Any]) -> Table:
    table = Table(title=f"{content['answer']}: an epoch of each, in epochs of KD")
    table.add_column("method")
    table.add_column("cost (× KD)", justify="right")
    for row in sorted(content["rows"], key=lambda row: row["ratio_to_kd"]):
        table.add_row(row["method"], f"{row['ratio_to_kd']:.2f}")
    return table


def _results(content: Mapping[str, Any]) -> Table:
    lead_over = {lead["over"]: lead for lead in content["leads"]}
    table = Table(title=f"{content['answer']}: {content['bikd']} enters")
    for column in ("method", "seeds", "balanced, %", "few, %", "D_val, %", "BiKD's lead", "p"):
        table.add_column(column, justify="left" if column == "method" else "right")
    for row in content["rows"]:
        lead = lead_over.get(row["method"])
        table.add_row(
            row["method"],
            str(len(row["seeds"])),
            in_percent(interval(row["accuracies"])),
            in_percent(interval(row["accuracies_few"])),
            f"{100 * row['val_accuracy']:.1f}",
            f"{100 * lead['lead']:+.1f} ({100 * lead['low']:+.1f} to {100 * lead['high']:+.1f})"
            if lead
            else "",
            p_in_words(lead["p_value"]) if lead else "",
        )
    return table
