"""What "auto" stands for in `estimator` and `precision`: one table, of every student and device.

`bikd bench auto` measures it. Nothing is timed when a run starts: what else the machine does would
then decide how a run is trained, and with it the last bits of its events. The rule: a student is
trained exactly, by `forward` in float32, unless another way is at least `MIN_GAIN` times as fast
and its ∂L_val/∂w is wrong by at most `MAX_ERROR` of its norm after a few steps of training.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from bikd_core.config.method import Estimator
from bikd_core.config.models import ModelName
from bikd_core.config.own_networks import is_own_network
from bikd_core.config.training import Precision

MIN_GAIN = 1.25
MAX_ERROR = 0.01
TABLE = Path(__file__).with_name("auto.json")

DeviceType = Literal["cpu", "cuda"]
Gain = Annotated[float, Field(gt=0)]  # the time of a step of the exact way, divided by this one's
Error = Annotated[float, Field(ge=0)]  # of ∂L_val/∂w, as a share of its norm


class Entry(BaseModel):
    """One student on one device."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    student: ModelName
    device: DeviceType


class Measured(Entry):
    """What was measured of a student on a device."""

    source: str  # machine, size of the batches, images
    finite_difference_gain: Gain
    finite_difference_error: Error
    bfloat16_gain: Gain
    bfloat16_error: Error


class NotMeasured(Entry):
    """A student that is taken for the nearest one that was measured."""

    nearest: tuple[ModelName, DeviceType]  # of the measured ones


class Choice(NamedTuple):
    """What "auto" stands for."""

    estimator: Estimator
    precision: Precision


@cache
def table() -> dict[tuple[str, str], Measured | NotMeasured]:
    """Return the table by student and type of device."""
    rows = json.loads(TABLE.read_text(encoding="utf-8"))
    entries = TypeAdapter(list[Measured | NotMeasured]).validate_python(rows)
    return {(entry.student, entry.device): entry for entry in entries}


def choice(student: str, device_type: str) -> Choice:
    """Return what "auto" stands for where this student is trained on a device of this type.

    Nobody has measured a student that is not the project's: it is trained exactly.
    """
    if is_own_network(student):
        return Choice("forward", "float32")
    entry = table()[student, device_type]
    found = table()[entry.nearest] if isinstance(entry, NotMeasured) else entry
    assert isinstance(found, Measured)  # a test keeps the table whole
    takes_difference = _pays(found.finite_difference_gain, found.finite_difference_error)
    takes_bfloat16 = _pays(found.bfloat16_gain, found.bfloat16_error)
    return Choice(
        "finite_difference" if takes_difference else "forward",
        "bfloat16" if takes_bfloat16 else "float32",
    )


def _pays(gain: float, error: float) -> bool:
    return gain >= MIN_GAIN and error <= MAX_ERROR
