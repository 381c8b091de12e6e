"""Ways to do the same thing, timed in turns: what disturbs a machine befalls all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

W = TypeVar("W", bound=Hashable)
T = TypeVar("T")


def in_turns(ways: Mapping[W, Callable[[], T]], repeats: int) -> list[dict[W, T]]:
    """What each way gave, turn by turn, A B A B; one turn before them warms up."""
    for way in ways.values():
        way()
    return [{name: way() for name, way in ways.items()} for _ in range(repeats)]
