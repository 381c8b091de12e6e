"""What all parts of a config have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic.fields import FieldInfo


class Part(BaseModel):
    """The base of every part: frozen, no unknown names, no infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _read_choice(cls, value: Any, info: ValidationInfo) -> Any:
        # pydantic reads a string as a number where the field is a number, but not in a Literal.
        return meant_by(value, options_of(cls.model_fields[str(info.field_name)]))


@dataclass(frozen=True)
class OnlyWith:
    """Marks a control that is read only where the method, as it is configured, has this fact."""

    fact: Literal["needs_teacher", "has_weight_net"]


@dataclass(frozen=True)
class ReadIf:
    """Marks a control that is read only where another control has one of the values.

    Where that other one is an option that the method does not have, it is always read.
    """

    option: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class ReadIfAbove:
    """Marks a control that is read only where a number, another control, is above a bound."""

    option: str
    bound: float = 0.0

    def is_met_by(self, controls: Mapping[str, Any]) -> bool:
        """Return whether the number, be it as text, is above the bound; one that is none is not."""
        try:
            return float(controls.get(self.option, self.bound)) > self.bound
        except (TypeError, ValueError):
            return False


def as_text(value: Any) -> str:
    """Return a control's value as links and the command line write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        short = f"{value:.10g}"
        return short if float(short) == value else repr(value)
    return str(value)


def meant_by(value: Any, options: Sequence[Any]) -> Any:
    """Return the option that a text names, as `as_text` writes it; else the value."""
    if not isinstance(value, str) or value in options:
        return value
    return next((option for option in options if as_text(option) == value), value)


def options_of(info: FieldInfo) -> tuple[Any, ...]:
    """Return the values of a field with a set of them, be others possible too; else empty."""
    kinds = (info.annotation, *get_args(info.annotation))
    return next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())
