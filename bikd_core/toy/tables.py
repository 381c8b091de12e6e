"""What cards of the lesson show that no recorded run holds: small tables in files. No torch.

`python -m bikd_core.toy.tables ratios FILE EXPORT...` puts files of `bikd compare --export`, of KD
at several alphas, into one table; `… biases FILE EXPORT` makes one of KD and BiKD, without and with
class biases. C classes in label order.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Logits = Annotated[tuple[float, ...], Field(min_length=2)]
Share = Annotated[float, Field(ge=0, le=1)]
GROUPS = ("balanced", "many", "medium", "few")


class TableError(ValueError):
    """A table that cannot be used; the message is one sentence."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


T = TypeVar("T", bound=_Table)


class Asked(_Table):
    """A test picture that both networks were asked about."""

    number: int = Field(ge=0, description="which test picture")
    label: int = Field(ge=0)
    pixels: Annotated[tuple[int, ...], Field(min_length=64, max_length=64)]  # 8 × 8, 0 … 255
    student: Logits  # C values
    teacher: Logits


class Beliefs(_Table):
    """What the lesson's teacher believes: of one picture of each class, and on average."""

    pictures: tuple[Asked, ...]  # in label order
    mean_belief: tuple[Share, ...]  # the teacher's mean probability of each class, on all pictures
    num_pictures: int = Field(gt=0)


class Mean(_Table):
    """A mean over seeds with its 95 % interval, as fractions."""

    mean: float
    low: float
    high: float


class Condition(_Table):
    """KD at several alphas on one kind of data."""

    imbalance_factor: float = Field(ge=1)
    label_noise: Share
    seeds: tuple[int, ...]
    alphas: tuple[Share, ...]  # rising
    accuracy: dict[str, tuple[Mean, ...]]  # by group of `GROUPS`, one for each alpha

    @model_validator(mode="after")
    def _check(self) -> Condition:
        if set(self.accuracy) != set(GROUPS):
            raise ValueError(f"accuracy must have the groups {', '.join(GROUPS)}")
        if list(self.alphas) != sorted(set(self.alphas)) or any(
            len(means) != len(self.alphas) for means in self.accuracy.values()
        ):
            raise ValueError("each group must have one accuracy for each alpha, and alphas rise")
        return self

    def best(self, group: str) -> int:
        """Return which alpha has the highest mean accuracy in a group, from 0."""
        means = [each.mean for each in self.accuracy[group]]
        return means.index(max(means))


class Ratios(_Table):
    """KD with one ratio for all pictures, under several conditions."""

    dataset: str
    epochs: int = Field(ge=1)
    conditions: tuple[Condition, ...] = Field(min_length=1)


class Biases(_Table):
    """Balanced accuracy of methods over the same seeds, without and with class biases."""

    dataset: str
    epochs: int = Field(ge=1)
    imbalance_factor: float = Field(ge=1)
    seeds: tuple[int, ...] = Field(min_length=2)
    without: dict[str, Mean]  # by method
    fitted: dict[str, Mean]  # the same with class biases fitted to D_val

    @model_validator(mode="after")
    def _check(self) -> Biases:
        if set(self.without) != set(self.fitted):
            raise ValueError("the same methods must be there without and with class biases")
        return self


def read_table(kind: type[T], path: Path) -> T:
    """Return the table in a file.

    Raises:
        TableError: It is missing or cannot be read.
    """
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise TableError(f"The table {path.name} is missing or cannot be read.") from error


def ratios_of(exports: list[dict[str, Any]]) -> Ratios:
    """Return the table of reports that `bikd compare --export` wrote as JSON.

    Raises:
        ValueError: The reports are of other methods than KD, or of several data sets or lengths.
    """
    controls = [_controls(export) for export in exports]
    [(dataset, epochs)] = {(each["dataset"], each["epochs"]) for each in controls}
    return Ratios(
        dataset=dataset,
        epochs=epochs,
        conditions=tuple(map(_condition, exports)),
    )


def _condition(export: dict[str, Any]) -> Condition:
    protocol = export["protocol"]
    lines = {float(line["method"].removeprefix("kd:kd_alpha=")): line for line in export["lines"]}
    alphas = sorted(lines)

    def mean(alpha: float, group: str) -> Mean:
        name = "accuracy" if group == "balanced" else f"accuracy_{group}"
        return _mean(lines[alpha]["values"][name])

    return Condition(
        imbalance_factor=protocol["controls"]["imbalance_factor"],
        label_noise=protocol["controls"]["label_noise"],
        seeds=protocol["seeds"],
        alphas=tuple(alphas),
        accuracy={group: tuple(mean(alpha, group) for alpha in alphas) for group in GROUPS},
    )


def biases_of(export: dict[str, Any]) -> Biases:
    """Return the table of one report that `bikd compare --export` wrote as JSON."""
    controls, lines = _controls(export), export["lines"]
    without, fitted = (
        {line["method"]: _mean(line["by_calibration"][name]) for line in lines}
        for name in ("none", "class_biases")
    )
    return Biases(
        dataset=controls["dataset"],
        epochs=controls["epochs"],
        imbalance_factor=controls["imbalance_factor"],
        seeds=export["protocol"]["seeds"],
        without=without,
        fitted=fitted,
    )


def _controls(export: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = export["protocol"]["controls"]
    return found


def _mean(interval: dict[str, float]) -> Mean:
    return Mean(**{name: round(value, 4) for name, value in interval.items()})


if __name__ == "__main__":
    kind, to, *files = sys.argv[1:]
    reports = [json.loads(Path(file).read_text(encoding="utf-8"))[0] for file in files]
    made = ratios_of(reports) if kind == "ratios" else biases_of(*reports)
    Path(to).write_text(made.model_dump_json(), encoding="utf-8")
