"""Refuses options that were given to a method that does not read them: what would read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bikd_core.config.describe import ConfigError, fields, listed
from bikd_core.config.method import GROUPS
from bikd_core.config.methods import METHOD_CONFIGS, AllOptions
from bikd_core.config.part import OnlyWith, ReadIf, ReadIfAbove, as_text, meant_by
from bikd_core.config.reading import controls_of, is_read_by
from bikd_core.config.titles import title_of

_WORDS: dict[str, str] = {"needs_teacher": "a teacher", "has_weight_net": "a weight net"}


def check_read(given: Mapping[str, Any], methods: Sequence[Mapping[str, Any]]) -> None:
    """Check that each option that was given is read by a method at least.

    Args:
        given: The options with their values, in the order in which they are checked.
        methods: The methods as configured, at least one: their controls, arguments of `is_read_by`.

    Raises:
        ConfigError: None of the methods reads an option.
    """
    for name, value in given.items():
        if any(is_read_by(name, method) for method in methods):
            continue
        # Of several methods, one that would read it after a change of its form tells the most.
        form = next((method for method in methods if _condition(name, method)), methods[0])
        reason = why_unread(name, form, name="it")
        is_general = _condition(name, form) is None and _unmet_bound(name, form) is None
        if is_general and len({title_of(method) for method in methods}) > 1:
            reason = f"none of these methods reads it, only {_readers(name, form)}"
        shown = repr(value) if isinstance(value, str) else as_text(value)
        raise ConfigError(f"{name} = {shown} is not possible: {reason}.")


def why_unread(option: str, method: Mapping[str, Any], *, name: str = "") -> str:
    """Return why a method does not read an option, and what would: a clause without a full stop.

    Args:
        option: The option, which the method does not read.
        method: The method as configured, as for `is_read_by`.
        name: What the clause calls the option; "": its own name.
    """
    title, name = title_of(method), name or option
    if (above := _unmet_bound(option, method)) is not None:
        return f"a run reads {name} only with {above.option} above {as_text(above.bound)}"
    condition = _condition(option, method)
    if condition is not None:
        values = listed([*map(str, condition.values)], last="or")
        reader = title if option in AllOptions.model_fields else "a run"
        return f"{reader} reads {name} only with {condition.option} = {values}"
    return f"{title} does not read {name}, only {_readers(option, method)}"


def _condition(option: str, method: Mapping[str, Any]) -> ReadIf | None:
    """Return what another control would have to be; None if that is not the reason."""
    controls = controls_of(method["method"])
    for mark in controls[option].metadata if option in controls else ():
        if isinstance(mark, ReadIf) and mark.option in controls:
            default = controls[mark.option].default
            is_chosen = is_read_by(mark.option, method)
            value = method.get(mark.option, default) if is_chosen else default
            if meant_by(value, mark.values) not in mark.values:
                return mark
    return None


def _unmet_bound(option: str, method: Mapping[str, Any]) -> ReadIfAbove | None:
    """Return the number that would have to be larger; None if that is not the reason."""
    marks = (mark for mark in fields()[option].metadata if isinstance(mark, ReadIfAbove))
    return next((mark for mark in marks if not mark.is_met_by(method)), None)


def _readers(option: str, method: Mapping[str, Any]) -> str:
    """Return who reads an option, with a verb: "methods with a teacher do", "bikd and kd do"."""
    facts: list[str] = [
        mark.fact for mark in fields()[option].metadata if isinstance(mark, OnlyWith)
    ]
    for has, group in GROUPS.items():
        if option in group.model_fields:
            facts = [fact for fact, is_needed in zip(_WORDS, has, strict=True) if is_needed]
            break
    else:
        owners = [name for name, model in METHOD_CONFIGS.items() if option in model.model_fields]
        if owners and method["method"] not in owners:
            return f"{listed(owners)} {'does' if len(owners) == 1 else 'do'}"
    return f"methods with {' and '.join(_WORDS[fact] for fact in facts)} do"
