"""In which controls two runs differ, leaving out what only one of their methods reads."""

from __future__ import annotations

from typing import Any, NamedTuple

from bikd_core.config import RunConfig, fields, is_read_by


class Difference(NamedTuple):
    """One control that has another value in each of two runs."""

    name: str
    first: Any
    second: Any


def differences(first: RunConfig, second: RunConfig) -> tuple[Difference, ...]:
    """Return the controls in which two runs differ, in the order of `fields`.

    A control that only one of the two methods reads belongs to that method's definition: it is
    no second difference beside `method`.
    """
    values, others = first.flat(), second.flat()
    return tuple(
        Difference(name, values[name], others[name])
        for name in fields()
        if values[name] != others[name] and is_read_by(name, values) and is_read_by(name, others)
    )
