"""The results of an answer's runs, in a ledger.

A run is known by its entry and its seed, and by whether half of D_val was held out to judge it. The
head holds the controls that all runs share.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bikd_core.config import RunConfig
from bikd_core.studies import ledger
from bikd_core.studies.executors import Outcome

#: What a result holds of a student, at the last epoch.
MEASURES = ("accuracy", "accuracy_few", "val_accuracy", "val_loss")
DIGITS = 6  # of each, behind the point


class Run(NamedTuple):
    """A run of a plan."""

    entry: str
    seed: int
    held_out: bool = False  # half of D_val judges it, where D_val is trained on otherwise


class Result(NamedTuple):
    """What a run came to: accuracies are balanced fractions, losses are in nats."""

    own: Mapping[str, float | None]  # by measure; empty if the run diverged
    biased: Mapping[str, float | None]  # the same with class biases; empty where there are none
    seconds_per_epoch: float  # as trained, beside whatever else ran
    diverged: str = ""  # why it has no numbers; "" if it has

    def of(self, calibration: str) -> Mapping[str, float | None]:
        """Return the measures without or with class biases."""
        return self.biased if calibration == "class_biases" else self.own


def result_of(config: RunConfig, outcome: Outcome) -> Result:
    """Return the result of a run that ended, well or not."""
    own, biased = (
        {name: values[name] for name in MEASURES} if values else {}
        for values in (outcome.measures, outcome.biased)
    )
    return Result(own, biased, outcome.seconds / config.training.epochs, outcome.failure)


class Ledger(ledger.Ledger[Run, Result]):
    """The results in a file.

    Args:
        path: The file; it is made when a result is added.
        base: The controls that all runs share.

    Raises:
        ConfigError: The file holds something else, or results of other controls.
    """

    def __init__(self, path: Path, base: Mapping[str, Any]) -> None:
        super().__init__(path, {"base": dict(base)})

    def write_line(self, key: Run, value: Result) -> ledger.Line:
        """Return the line of a run and its result."""
        line: ledger.Line = {"entry": key.entry, "seed": key.seed}
        if key.held_out:
            line["held_out"] = True
        if value.diverged:
            line["diverged"] = value.diverged
        for name in ("own", "biased"):
            if values := getattr(value, name):
                line[name] = [None if v is None else round(v, DIGITS) for v in values.values()]
        return line | {"seconds_per_epoch": round(value.seconds_per_epoch, 4)}

    def read_line(self, line: ledger.Line) -> tuple[Run, Result]:
        """Return the run and the result of a line."""
        run = Run(line["entry"], int(line["seed"]), bool(line.get("held_out")))
        return run, Result(
            _measures(line, "own"),
            _measures(line, "biased"),
            float(line["seconds_per_epoch"]),
            str(line.get("diverged", "")),
        )


def _measures(line: ledger.Line, name: str) -> dict[str, float | None]:
    values = line.get(name)
    return {} if values is None else dict(zip(MEASURES, values, strict=True))
