"""What all parts of a config have in common."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic.fields import FieldInfo


class Part(BaseModel):
    """What all parts have in common: frozen, nothing unknown, no infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _read_choice(cls, value: Any, info: ValidationInfo) -> Any:
        # pydantic reads a string as a number where a number is due, but not where a Literal is.
        options = options_of(cls.model_fields[str(info.field_name)])
        return next((option for option in options if str(option) == value), value)


def options_of(info: FieldInfo) -> tuple[Any, ...]:
    """What a field with a fixed set of values can be; empty for the others."""
    return get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
