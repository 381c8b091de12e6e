"""The report of a comparison: its answer with the protocol behind it, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bikd_core.config import METHOD_FACTS
from bikd_core.data.counts import imbalance_words
from bikd_core.data.label_noise import in_words
from bikd_core.data.sources import facts_of
from bikd_core.data.val_plan import size_in_words
from bikd_core.runs import Snapshot
from bikd_core.studies import learned_weights
from bikd_core.studies.answer import Line
from bikd_core.studies.comparison import EPOCH_WORDS, Comparison
from bikd_core.studies.entries import Entry
from bikd_core.studies.faults import FAULTS, fault_controls
from bikd_core.studies.learned_weights import Gain, gains
from bikd_core.studies.planned import planned_runs
from bikd_core.studies.splits import split_controls

_TRAINED = {
    "no": "is not trained on",
    "mixed": "is mixed evenly into training",
    "batch": "is trained on as a batch of equal weight in every step",
}


_SPLITS = {
    "follow": "Each seed has a split of its own, and so a teacher.",
    "fixed": "All seeds share one split, that of split seed {}; about others nothing is said.",
}


class Report(NamedTuple):
    """A comparison with its answer, as far as its runs have finished."""

    comparison: Comparison
    lines: Sequence[Line]
    missing: Mapping[str, str]  # runs that do not count, and why
    gains: Sequence[Gain] = ()  # of the objectives that are compared with BiKD over them


def report_of(comparison: Comparison, runs: Sequence[Snapshot]) -> Report:
    """Return the report that these runs, newest first, give for a comparison."""
    missing = {}
    for planned in planned_runs(comparison, runs):
        if not planned.is_done:
            run = planned.run
            why = "not run" if run is None else f"{run.state}: {run.reason}".rstrip(": ")
            missing[f"{comparison.labels[planned.method]}, seed {planned.seed}"] = why
    found = gains(comparison, comparison.epochs_of(comparison.finished(runs)))
    return Report(comparison, comparison.answer(runs), missing, found)


def league_of(comparison: Comparison) -> int:
    """Return 1 if D_val is not trained on, else 2. The options of an entry may still differ."""
    return 1 if comparison.base.protocol.train_on_val == "no" else 2


def use_of_d_val(comparison: Comparison, entry: Entry) -> str:
    """Return in words what an entry uses D_val for."""
    config = comparison.config_of(entry, comparison.seeds[0])
    uses = []
    if METHOD_FACTS[entry.method].has_weight_net:
        uses.append("the weight net")
    if config.protocol.train_on_val != "no":
        uses.append("training")
    if comparison.chooses_by_val(entry):
        uses.append("choosing the epoch")
    if comparison.calibration_of(entry) == "class_biases":
        uses.append("class biases")
    return ", ".join(uses) or "nothing"


def protocol_of(comparison: Comparison) -> dict[str, Any]:
    """Return the protocol, shared by all entries and own to each, as plain data for JSON."""
    flat, entries = comparison.base.flat(), comparison.entries
    own_to_runs = {"method", "seed", *split_controls(comparison.splits, 0)}
    return {
        "league": league_of(comparison),
        "controls": {k: v for k, v in flat.items() if k not in own_to_runs},
        "methods": list(comparison.methods),
        "seeds": list(comparison.seeds),
        "splits": comparison.splits,
        "reference": comparison.reference,
        "epoch": comparison.chosen,
        "calibration": {entry.text: comparison.calibration_of(entry) for entry in entries},
        "faults": {name: FAULTS[name] for name in comparison.faults},
        "own_controls": {
            entry.text: fault_controls(entry.method, comparison.faults) | entry.own_controls
            for entry in entries
        },
        "use_of_d_val": {entry.text: use_of_d_val(comparison, entry) for entry in entries},
    }


def calibration_words(comparison: Comparison) -> str:
    """Return in words which accuracy counts."""
    own = "the student's own"
    calibrated = [
        comparison.config_of(entry, comparison.seeds[0])
        for entry in comparison.entries
        if comparison.calibration_of(entry) == "class_biases"
    ]
    if not calibrated:
        return own
    trains_on_val = any(config.protocol.train_on_val != "no" for config in calibrated)
    part = "the half of D_val that is not trained on" if trains_on_val else "D_val"
    words = f"with class biases and a temperature, fitted to {part} after training"
    if len(calibrated) == len(comparison.entries):
        return words
    return f"{own}, or {words}, where the row says so; both come from the same runs"


def protocol_sentences(comparison: Comparison) -> list[str]:
    """Return the protocol in sentences."""
    base, seeds = comparison.base, comparison.seeds
    data, training, protocol = base.data, base.training, base.protocol
    noise = f", labels {in_words(data)}" if data.label_noise else ""
    held_out = "; one half of it only measures" if protocol.hold_out_half else ""
    faults = "; ".join(FAULTS[name] for name in comparison.faults)
    words = EPOCH_WORDS[comparison.chosen]
    epoch = f"{words[0].upper()}{words[1:]}."
    if "test_chosen_epoch" in comparison.faults:
        epoch = "Each entry's best epoch."
    accuracy = calibration_words(comparison)
    return [
        f"{facts_of(data.dataset).title}, {imbalance_words(data)}{noise}, "
        f"{base.models.teacher_model} teaches {base.models.student}; {training.epochs} epochs, "
        f"batch {training.batch_size}, learning rate {training.learning_rate:g}, temperature "
        f"{base.flat()['temperature']:g}; seeds {', '.join(map(str, seeds))}.",
        f"League {league_of(comparison)}: D_val, {size_in_words(data)}, "
        f"{_TRAINED[protocol.train_on_val]}{held_out}; the teacher never saw it.",
        _SPLITS[comparison.splits].format(data.split_seed),
        epoch,
        f"Accuracy: {accuracy}.",
        f"Faults of the published comparison: {faults}."
        if faults
        else "Same data, teacher, optimiser, batch and epochs for all.",
    ]


def as_data(report: Report) -> dict[str, Any]:
    """Return the whole report as plain data for JSON."""
    comparison = report.comparison
    return {
        "protocol": protocol_of(comparison),
        "lines": [
            line._asdict()
            | {
                "values": {name: value._asdict() for name, value in line.values.items()},
                "lead": {name: value._asdict() for name, value in line.lead.items()},
                "test": None if line.test is None else line.test._asdict(),
                "per_class": [value._asdict() for value in line.per_class],
                "per_class_lead": [value._asdict() for value in line.per_class_lead],
                "by_calibration": {k: value._asdict() for k, value in line.by_calibration.items()},
            }
            for line in report.lines
        ],
        "failed": dict(report.missing),
    } | ({"learned_weights": learned_weights.as_data(report.gains)} if report.gains else {})
