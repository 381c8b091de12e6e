"""What the arrays of a panel, frame or trace must be, read from the annotations of its class."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from bikd_core.events import Frame, Panel, StepTrace


class Layout(NamedTuple):
    """The type and shape that an array of a panel, frame or trace must have."""

    dtype: type[np.generic]
    shape: tuple[str, ...]  # letters or numbers, as in the docstring of its class
    is_optional: bool


def layouts(kind: type[Panel | Frame | StepTrace]) -> dict[str, Layout]:
    """Return the layout of each array of a panel, frame or trace, by name."""
    key: Any = kind  # to mypy a dataclass is not hashable
    return _layouts(key)


@cache
def _layouts(kind: Any) -> dict[str, Layout]:
    found: dict[str, Layout] = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        if not hasattr(hint, "__metadata__"):
            continue
        array, is_optional = get_args(hint)[0], type(None) in get_args(get_args(hint)[0])
        array = get_args(array)[0] if is_optional else array
        shape = tuple(hint.__metadata__[0].split())
        found[name] = Layout(_scalar_of(array), shape, is_optional)
    return found


def _scalar_of(array: Any) -> type[np.generic]:
    """Return the numpy scalar of an array's type.

    `NDArray[scalar]` stands for ndarray[shape, dtype[scalar]]; from numpy 2.5 on, where Python is
    at least 3.12, it is an alias that keeps its own argument.
    """
    kind = get_origin(array) or array
    if isinstance(kind, type) and issubclass(kind, np.generic):
        return kind
    return _scalar_of(get_args(array)[-1])


def arrays(item: Panel | Frame | StepTrace) -> dict[str, NDArray[Any]]:
    """Return the arrays that a panel, frame or trace has, by name: what its file holds."""
    pairs = ((field.name, getattr(item, field.name)) for field in dataclasses.fields(item))
    return {name: value for name, value in pairs if isinstance(value, np.ndarray)}
