"""The file of a recommendation: its plan, what was chosen, and the result. Its runs lie beside it.

The file is replaced whole after each step; the trials are lines of a ledger, `NAME-runs.jsonl`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bikd_core.config import (
    ConfigError,
    DataConfig,
    ModelConfig,
    RunConfig,
    TrainingConfig,
    as_text,
)
from bikd_core.config.methods import AllOptions
from bikd_core.store.files import replace_text, writing


class Chosen(BaseModel):
    """A recipe with its settings, as D_val judged it. Accuracies are fractions, losses nats."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str
    title: str
    calibration: str
    entry: str
    val_accuracy: float
    val_loss: float
    runs: tuple[str, ...] = ()  # in the store, by seed; "" where there is none yet

    @property
    def has_folds(self) -> bool:
        """Whether it has a teacher for each fold of D_tr, besides the one of all of it."""
        return "teacher_folds=" in self.entry


class Group(BaseModel):
    """The test accuracies of one group of classes, and the gain. Fractions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chosen: float
    reference: float
    gain: float
    low: float
    high: float
    detectable: float


class Record(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(extra="forbid")

    recommendation: str  # the data set
    controls: dict[str, Any]
    minutes: float
    num_trials: int | None = None  # planned, and at last those that count; None: not planned yet
    plan: str = ""
    costs: tuple[float, float, float] | None = None  # seconds, as `budget.Costs` names them
    spent_s: float = 0.0  # of all processes that worked on it, pauses not counted
    left_out: dict[str, str] = {}  # recipes, and why
    ranking: tuple[Chosen, ...] = ()  # by D_val, the best first; before the test set is looked at
    chosen: Chosen | None = None
    reference: Chosen | None = None
    num_val: int = 0  # pictures of D_val
    num_test: int = 0
    groups: dict[str, Group] = {}
    cost: float | None = None  # of a training step, as a multiple of the reference's
    sentence: str = ""

    @property
    def reasons(self) -> dict[str, str]:
        """What is left out, by the reason."""
        found: dict[str, list[str]] = {}
        for title, why in self.left_out.items():
            found.setdefault(why, []).append(title)
        return {why: "; ".join(titles) for why, titles in found.items()}

    @property
    def is_done(self) -> bool:
        """Whether the test set has been looked at."""
        return bool(self.groups)


#: What a recommendation sets, so that nobody else does.
SET_BY_ITSELF = ("learning_rate", "seed", "method")
_OPEN = tuple(
    name
    for part in (DataConfig, ModelConfig, TrainingConfig)
    for name in part.model_fields
    if name not in SET_BY_ITSELF
)


def base_of(controls: Mapping[str, Any]) -> RunConfig:
    """Return the base of a recommendation from controls, of which others than it reads are ignored.

    Raises:
        ConfigError: They do not go together.
    """
    return RunConfig.from_flat({name: controls[name] for name in _OPEN if name in controls})


def options_of(base: RunConfig) -> list[str]:
    """Return the command-line options of a base: what differs from its data set's defaults."""
    defaults = RunConfig.from_flat({"dataset": base.data.dataset}).flat()
    own = base.flat()
    changed = [name for name in _OPEN if name == "dataset" or own[name] != defaults[name]]
    return [f"--{name.replace('_', '-')}={as_text(own[name])}" for name in changed]


def path_for(base: RunConfig, folder: Path) -> Path:
    """Return the usual file of a base in a folder: other controls have another file."""
    written = json.dumps(controls_of(base), sort_keys=True)
    return folder / f"{base.data.dataset}-{hashlib.sha256(written.encode()).hexdigest()[:8]}.json"


def controls_of(base: RunConfig) -> dict[str, Any]:
    """Return what all runs share: the controls that are neither the method's nor the seed."""
    own = {*AllOptions.model_fields, "method", "seed"}
    return {name: value for name, value in base.flat().items() if name not in own}


def runs_path(path: Path) -> Path:
    """Return the ledger that belongs to the file."""
    return path.with_name(f"{path.stem}-runs.jsonl")


def read_record(path: Path, base: RunConfig, minutes: float) -> Record:
    """Return the record in a file, or a new one; another budget replaces that of an unfinished one.

    Raises:
        ConfigError: The file holds something else, or a recommendation for other controls.
    """
    new = Record(
        recommendation=base.data.dataset, controls=controls_of(base), minutes=float(minutes)
    )
    found = peek(path)
    if found is None:
        return new
    for name, value in new.controls.items():
        if found.controls.get(name) != value:
            raise ConfigError(
                f"out = {str(path)!r} is not possible: it is of runs with {name} = "
                f"{found.controls.get(name)!r}, not {value!r}; name another file."
            )
    if not found.is_done and found.minutes != minutes:
        found.minutes, found.num_trials = float(minutes), None
    return found


def peek(path: Path) -> Record | None:
    """Return the record in a file; None where there is no file.

    Raises:
        ConfigError: It holds something else.
    """
    if not path.exists():
        return None
    try:
        return Record.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, ValueError) as error:
        raise ConfigError(
            f"out = {str(path)!r} is not possible: it holds no recommendation; name another file."
        ) from error


def write_record(path: Path, record: Record) -> None:
    """Replace the file.

    Raises:
        StoreError: It cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, record.model_dump_json(indent=1) + "\n")
