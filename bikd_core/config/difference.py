"""In which controls two runs differ: "differs only in …" is said of what both methods read."""

from __future__ import annotations

from typing import Any, NamedTuple

from bikd_core.config import METHOD_FACTS, RunConfig, fields

_OF_SOME = frozenset(name for facts in METHOD_FACTS.values() for name in facts.reads)


class Difference(NamedTuple):
    """One control that has another value in each of two runs."""

    name: str
    first: Any
    second: Any


def is_read_by(name: str, method: str) -> bool:
    """Whether a control changes anything in a run of this method."""
    return name not in _OF_SOME or name in METHOD_FACTS[method].reads


def differences(first: RunConfig, second: RunConfig) -> tuple[Difference, ...]:
    """The controls in which two runs differ, in the order of the config.

    A control that only one of the two methods reads belongs to that method's definition: it is
    no second difference beside `method`.
    """
    values, others = first.flat(), second.flat()
    return tuple(
        Difference(name, values[name], others[name])
        for name in fields()
        if values[name] != others[name]
        and is_read_by(name, values["method"])
        and is_read_by(name, others["method"])
    )
