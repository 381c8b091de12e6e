"""The short form of an answer: what the app and the README show of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import BaseModel, ConfigDict

from bikd_core.config import METHOD_FACTS, listed, signed
from bikd_core.places import ASSETS
from bikd_core.studies.answer import Interval, in_percent, interval
from bikd_core.studies.entries import read_entry
from bikd_core.studies.significance import SIGNIFICANCE

RECORDED = ASSETS / "answers"
_DIGITS = 4  # of fractions
BIASES = ", with class biases"
_OWN_LOSSES = "its own losses"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Line(_Frozen):
    """A tuned method with its settings, without or with class biases. Accuracies are fractions."""

    objective: str  # in words
    is_weighted: bool  # BiKD over the objective
    has_biases: bool
    method: str  # as `bikd compare` takes it
    balanced: float
    low: float  # of its 95 % interval
    high: float
    few: float
    num_seeds: int
    num_trials: int
    cost: float | None = None  # of an epoch, in epochs of KD, timed in turns

    @property
    def interval(self) -> Interval:
        """The balanced accuracy with its interval."""
        return Interval(self.balanced, self.low, self.high)

    @property
    def title(self) -> str:
        """The method in words, without its settings."""
        name = f"BiKD over {self.objective}" if self.is_weighted else self.objective
        return name + BIASES * self.has_biases


class Lead(_Frozen):
    """What one method leads another one by, paired by seed; Holm-corrected over all leads."""

    over: str  # the other one's title
    mean: float
    low: float
    high: float
    p_value: float
    num_seeds: int

    @property
    def is_claim(self) -> bool:
        """Whether the difference may be claimed."""
        return self.p_value < SIGNIFICANCE


class Difference(_Frozen):
    """A mean difference in balanced accuracy, paired by seed, with its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def in_points(self) -> str:
        """The difference and half its interval, in points."""
        return in_percent(Interval(self.mean, self.low, self.high), signed=True)


class Gain(_Frozen):
    """What class biases and learned weights give an objective, alone and together.

    Each of the four students of an objective is tuned on its own.
    """

    objective: str
    biases: Difference  # the objective with class biases − without
    weights: Difference  # BiKD over it − itself, both without class biases
    weights_beyond_biases: Difference  # the same, both with class biases


class Part(_Frozen):
    """Methods on the same seeds, and what one form of BiKD leads each rival by."""

    bikd: str  # the title of that form
    lines: tuple[Line, ...]  # the best first
    leads: tuple[Lead, ...]  # the smallest first

    @property
    def own(self) -> Line:
        """The line of that form."""
        return next(line for line in self.lines if line.title == self.bikd)

    @property
    def ahead_of(self) -> list[Lead]:
        """The leads that are shown."""
        return [lead for lead in self.leads if lead.is_claim and lead.mean > 0]

    @property
    def level_with(self) -> list[Lead]:
        """The leads, of either sign, that are not shown."""
        return [lead for lead in self.leads if not lead.is_claim]


class Summary(_Frozen):
    """An answer in short."""

    answer: str
    base: dict[str, Any]  # the controls that differ from the data set's defaults
    command: str
    first: Part  # BiKD's form is the one that D_val chose
    gains: tuple[Gain, ...]  # of the objectives that BiKD is laid over, in the order of the lines
    #: On fresh seeds, of the form that looked best on the first ones.
    again: Part | None = None


def summary_of(folder: Path, name: str) -> Summary:
    """Return the short form of the result files of an answer.

    Args:
        folder: Holds the files.
        name: Of the answer.
    """
    content = _read(folder / f"answer-{name}.json")
    costs = _costs(folder / f"answer-{name}-cost.json")
    first = _part(content, costs)
    path = folder / f"answer-{name}-again.json"
    return Summary(
        answer=content["answer"],
        base=content["base"],
        command=content["command"],
        first=first,
        gains=tuple(_gains(first.lines, content["rows"])),
        again=_part(_read(path), costs) if path.exists() else None,
    )


def recorded_names() -> tuple[str, ...]:
    """Return the names of the answers that come with the project."""
    return tuple(sorted(path.stem for path in RECORDED.glob("*.json")))


def recorded(name: str) -> Summary:
    """Return an answer that comes with the project."""
    return Summary.model_validate_json((RECORDED / f"{name}.json").read_bytes())


def write_summary(folder: Path, name: str) -> Path:
    """Write the short form where the project keeps it; return the file."""
    RECORDED.mkdir(exist_ok=True)
    path = RECORDED / f"{name}.json"
    path.write_text(summary_of(folder, name).model_dump_json(indent=1) + "\n", encoding="utf-8")
    return path


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _costs(path: Path) -> dict[str, float]:
    """Return the cost of each method that was timed, in epochs of KD; none if there is no file.

    More than one decimal would say more than was measured: the same method with other rates came
    out up to a tenth apart.
    """
    rows = _read(path)["rows"] if path.exists() else ()
    return {row["method"]: round(row["ratio_to_kd"], 1) for row in rows}


def _part(content: Mapping[str, Any], costs: Mapping[str, float]) -> Part:
    # Two forms may have come to the same settings: they are one method.
    lines = {
        row["method"]: _line(row, content["base"], costs.get(row["method"]))
        for row in content["rows"]
    }
    leads = [
        Lead(
            over=lines[lead["over"]].title,
            mean=round(lead["lead"], _DIGITS),
            low=round(lead["low"], _DIGITS),
            high=round(lead["high"], _DIGITS),
            p_value=lead["p_value"],
            num_seeds=lead["seeds"],
        )
        for lead in content["leads"]
    ]
    return Part(bikd=lines[content["bikd"]].title, lines=tuple(lines.values()), leads=tuple(leads))


def _gains(lines: Sequence[Line], rows: Sequence[Mapping[str, Any]]) -> Iterator[Gain]:
    by_seed = {r["method"]: dict(zip(r["seeds"], r["accuracies"], strict=True)) for r in rows}
    found: dict[str, dict[tuple[bool, bool], dict[int, float]]] = {}
    for line in lines:
        of = found.setdefault(line.objective, {})
        of[line.is_weighted, line.has_biases] = by_seed[line.method]
    for objective, of in found.items():
        if len(of) == 4:
            yield Gain(
                objective=objective,
                biases=_difference(of[False, True], of[False, False]),
                weights=_difference(of[True, False], of[False, False]),
                weights_beyond_biases=_difference(of[True, True], of[False, True]),
            )


def _difference(first: Mapping[int, float], second: Mapping[int, float]) -> Difference:
    found = interval([first[seed] - second[seed] for seed in first if seed in second])
    assert found.low is not None  # an answer has several seeds
    assert found.high is not None
    return Difference(
        mean=round(found.mean, _DIGITS),
        low=round(found.low, _DIGITS),
        high=round(found.high, _DIGITS),
    )


def _line(row: Mapping[str, Any], base: Mapping[str, Any], cost: float | None) -> Line:
    entry = read_entry(row["of"], base)
    options = entry.own_controls
    has_weights = METHOD_FACTS[entry.method].has_weight_net and not row["is_rival"]
    if not has_weights:
        objective = METHOD_FACTS[entry.method].title
    elif over := options.get("over"):
        objective = METHOD_FACTS[over].title
    else:
        objective = _OWN_LOSSES + ", class prior" * (options.get("prior") == "both")
    if float(options.get("trust", 0)):
        objective += " with trust in labels"
    elif options.get("teacher_folds", "1") != "1":
        objective += " with out-of-fold teachers"
    value = interval(row["accuracies"])
    assert value.low is not None  # an answer has several seeds
    assert value.high is not None
    return Line(
        objective=objective,
        is_weighted=has_weights,
        has_biases=row["calibration"] == "class_biases",
        method=row["method"],
        balanced=round(value.mean, _DIGITS),
        low=round(value.low, _DIGITS),
        high=round(value.high, _DIGITS),
        few=round(fmean(row["accuracies_few"]), _DIGITS),
        num_seeds=len(row["accuracies"]),
        num_trials=row["trials"],
        cost=cost,
    )


# In words ----------------------------------------------------------------------------------------


def verdicts(summary: Summary) -> list[str]:
    """Return what the answer says: of what D_val chose, then of the test on fresh seeds."""
    forms = sum(line.is_weighted for line in summary.first.lines)
    found = [f"Of {forms} form{'s' * (forms != 1)} of BiKD, D_val chose {_outcome(summary.first)}"]
    if summary.again is not None:
        found.append(
            "On fresh splits, against the rivals near the best, "
            f"the form that looked best on the first ones: {_outcome(summary.again)}"
        )
    return found


def _outcome(part: Part) -> str:
    own = part.own
    ahead, level = part.ahead_of, part.level_with
    behind = [lead for lead in part.leads if lead.is_claim and lead.mean <= 0]
    pieces = []
    if behind:
        pieces.append(f"behind {listed([_in_points(lead) for lead in behind])}")
    if level:
        pieces.append(f"no difference found from {listed([_in_points(lead) for lead in level])}")
    if ahead:
        nearest = _in_points(ahead[0])
        rest = f" and {len(ahead) - 1} more" if len(ahead) > 1 else ""
        pieces.append(f"ahead of {nearest}{rest}")
    said = "; ".join(pieces) or "no rival to compare it with"
    return f"{own.title}, {in_percent(own.interval)} % on {own.num_seeds} splits: {said}."


def _in_points(lead: Lead) -> str:
    return f"{lead.over} ({lead_in_points(lead)} points)"


def lead_in_points(lead: Lead) -> str:
    """Return a lead and its interval, in points."""
    return f"{signed(100 * lead.mean)}, {signed(100 * lead.low)} to {signed(100 * lead.high)}"
