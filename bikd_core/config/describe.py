"""Descriptions of the controls, for widgets, command-line options and messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from bikd_core.config.own_networks import IN_WORDS
from bikd_core.config.part import options_of
from bikd_core.config.parts import PARTS

#: What a control takes besides a fixed set of values, as it ends a sentence.
_OWN = {
    "dataset": ", or folder:PATH for your own pictures",
    **dict.fromkeys(("teacher_model", "student"), f", or {IN_WORDS} for a network of your own"),
}


class ConfigError(ValueError):
    """A control has a value that it cannot take; the message names field, value and range."""


@cache
def fields() -> Mapping[str, FieldInfo]:
    """Return every control by name, in the order of the parts, with all methods' options."""
    found = {name: info for part in PARTS.values() for name, info in part.model_fields.items()}
    return MappingProxyType(found)


@cache
def part_of(name: str) -> str:
    """Return the name of the part that holds a control.

    Raises:
        KeyError: No part has it.
    """
    for part, model in PARTS.items():
        if name in model.model_fields:
            return part
    raise KeyError(name)


@cache
def choices(name: str) -> tuple[Any, ...]:
    """Return the values of a control with a fixed set of them; empty for other controls."""
    return options_of(fields()[name])


def bounds(name: str) -> dict[str, float]:
    """Return the limits of a numeric control by pydantic's names: some of ge, gt, le, lt."""
    return _limits(name, ("ge", "gt", "le", "lt"))


def _limits(name: str, keys: Iterable[str]) -> dict[str, float]:
    return {
        key: float(getattr(limit, key))
        for limit in fields()[name].metadata
        for key in keys
        if hasattr(limit, key)
    }


def explain(error: ValidationError) -> str:
    """Return a failed validation's first error as a sentence: field, value, what would be right."""
    first = error.errors()[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])  # controls that do not go together
    name = str(first["loc"][-1]) if first["loc"] else "config"
    if first["type"] == "extra_forbidden":
        return unknown_control(name)
    if name not in fields():
        return f"{name}: {first['msg']}."
    value = first.get("ctx", {}).get("tag", first["input"])  # the tag: an unknown method's name
    return f"{name} = {_shown(value)} is not possible: {allowed(name)}."


def allowed(name: str) -> str:
    """Return what a control accepts, in words: "it must be a number, at least 0"."""
    if options := choices(name):
        return f"it must be one of {', '.join(map(str, options))}{_OWN.get(name, '')}"
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


def unknown_control(name: object) -> str:
    """Return the message for a name that no control has."""
    return f"There is no control {_shown(name)}; the controls are {', '.join(fields())}."


def _shown(value: object) -> str:
    """Return a value as a message shows it, cut short: one from a URL may be of any length."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def listed(parts: Sequence[str], last: str = "and") -> str:
    """Return words as a list in a sentence: "a, b and c"; `last` stands before the last one."""
    return f" {last} ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def signed(value: float, digits: int = 1) -> str:
    """Return a difference with its sign, and a minus as wide as a plus; never −0."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")
