"""What the controls are, for whoever makes widgets, options or messages of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from bikd_core.config.part import options_of
from bikd_core.config.parts import PARTS


class ConfigError(ValueError):
    """A control has a value it cannot take; the message names field, value and range."""


def fields() -> dict[str, FieldInfo]:
    """Every control by name, in the order of the parts."""
    return {name: info for part in PARTS.values() for name, info in part.model_fields.items()}


def part_of(name: str) -> str:
    """The part of `RunConfig` that holds a control.

    Raises:
        KeyError: No part has it.
    """
    for part, model in PARTS.items():
        if name in model.model_fields:
            return part
    raise KeyError(name)


def choices(name: str) -> tuple[Any, ...]:
    """What a control with a fixed set of values can be; empty for the others."""
    return options_of(fields()[name])


def bounds(name: str) -> dict[str, float]:
    """The limits of a numeric control, by pydantic's names: some of ge, gt, le, lt."""
    return _limits(name, ("ge", "gt", "le", "lt"))


def _limits(name: str, keys: Iterable[str]) -> dict[str, float]:
    return {
        key: float(getattr(limit, key))
        for limit in fields()[name].metadata
        for key in keys
        if hasattr(limit, key)
    }


def explain(error: ValidationError) -> str:
    """The first complaint of a failed validation as one sentence: field, value, what is right."""
    first = error.errors()[0]
    if not first["loc"] and "error" in first.get("ctx", {}):
        return str(first["ctx"]["error"])  # of controls that do not go together
    name = str(first["loc"][-1]) if first["loc"] else "config"
    if first["type"] == "extra_forbidden":
        return no_control(name)
    if name not in fields():
        return f"{name}: {first['msg']}."
    return f"{name} = {_shown(first['input'])} is not possible: {allowed(name)}."


def allowed(name: str) -> str:
    """What a control accepts, in words."""
    if options := choices(name):
        return f"it must be one of {', '.join(map(str, options))}"
    words = {
        "ge": "at least {:.10g}",
        "gt": "more than {:.10g}",
        "le": "at most {:.10g}",
        "lt": "less than {:.10g}",
        "min_length": "at least {:g}",
        "max_length": "at most {:g} characters",
    }
    limits = " and ".join(words[key].format(value) for key, value in _limits(name, words).items())
    kinds = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text"}
    annotation = fields()[name].annotation
    options = get_args(annotation) or (annotation,)
    kind = kinds.get(getattr(options[0], "__name__", ""), "a value")
    empty = "or nothing" if type(None) in options else ""
    return ", ".join(part for part in (f"it must be {kind}", limits, empty) if part)


def no_control(name: object) -> str:
    """What to say of a name that no control has."""
    return f"There is no control {_shown(name)}; the controls are {', '.join(fields())}."


def _shown(value: object) -> str:
    """A value in a message: it may come from a URL, and be of any length."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def as_text(value: Any) -> str:
    """A control's value as a link and the command line hold it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
