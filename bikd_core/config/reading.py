"""Which controls a run reads: those of its method, as that method is configured."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from pydantic.fields import FieldInfo

from bikd_core.config.method_facts import MethodFacts, facts_with
from bikd_core.config.methods import METHOD_CONFIGS, AllOptions
from bikd_core.config.own_loop import OWN_LOOP, READ
from bikd_core.config.part import OnlyWith, ReadIf, ReadIfAbove, meant_by, options_of
from bikd_core.config.parts import PARTS

Choices = tuple[tuple[str, Any], ...]  # the options that decide whether others are read

_FIELDS = {name: info for part in PARTS.values() for name, info in part.model_fields.items()}

#: The controls that marks of other controls name, with their possible values.
DECIDING = {
    mark.option: (False, True)
    if _FIELDS[mark.option].annotation is bool
    else options_of(_FIELDS[mark.option])
    for model in (*METHOD_CONFIGS.values(), *PARTS.values())
    for info in model.model_fields.values()
    for mark in info.metadata
    if isinstance(mark, ReadIf)
}

#: The marks that name a number, which decides by being above their bound.
THRESHOLDS = {
    mark
    for model in PARTS.values()
    for info in model.model_fields.values()
    for mark in info.metadata
    if isinstance(mark, ReadIfAbove)
}


def is_read_by(name: str, method: Mapping[str, Any] | str) -> bool:
    """Return whether a control changes anything in a run of this method; arguments as `read_by`."""
    return name in read_by(method)


def read_by(method: Mapping[str, Any] | str) -> frozenset[str]:
    """Return the names of the controls that change anything in a run of this method.

    Args:
        method: The method's name, or controls with "method" among them, each as its own type or as
            text. Options of the method that are not there, or have an impossible value, have their
            default.
    """
    if isinstance(method, str):
        return READ if method == OWN_LOOP else _read_by(method, ())
    if method["method"] == OWN_LOOP:
        return READ
    meant = {name: meant_by(method.get(name), values) for name, values in DECIDING.items()}
    chosen = [(name, meant[name]) for name, values in DECIDING.items() if meant[name] in values]
    chosen += [(mark.option, mark.bound) for mark in THRESHOLDS if mark.is_met_by(method)]
    return _read_by(method["method"], tuple(chosen))


def facts_of_method(method: Mapping[str, Any]) -> MethodFacts:
    """Return the facts of the method that these controls describe; arguments as `is_read_by`."""
    name = method["method"]
    over = METHOD_CONFIGS[name].model_fields.get("over")
    return facts_with(name, None if over is None else method.get("over", over.default))


@cache
def controls_of(method: str) -> Mapping[str, FieldInfo]:
    """Return the options that a method has and the controls that are no method's, by name."""
    shared = {name: info for name, info in _FIELDS.items() if name not in AllOptions.model_fields}
    return MappingProxyType({**shared, **METHOD_CONFIGS[method].model_fields})


@cache
def _read_by(method: str, chosen: Choices) -> frozenset[str]:
    return frozenset(name for name in _FIELDS if _is_read(name, method, chosen))


def _is_read(name: str, method: str, chosen: Choices) -> bool:
    controls = controls_of(method)
    if name not in controls:
        return False
    for mark in controls[name].metadata:
        if isinstance(mark, OnlyWith):
            facts = facts_of_method({"method": method, **dict(chosen)})
            if not getattr(facts, mark.fact):
                return False
        elif isinstance(mark, ReadIfAbove):
            if (mark.option, mark.bound) not in chosen:
                return False
        elif isinstance(mark, ReadIf) and mark.option in controls:
            default = controls[mark.option].default
            is_read = _is_read(mark.option, method, chosen)
            if (dict(chosen).get(mark.option, default) if is_read else default) not in mark.values:
                return False
    return True
