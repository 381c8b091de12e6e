"""Times ways to do the same thing in turns, so that a disturbed machine affects all alike."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

W = TypeVar("W", bound=Hashable)
T = TypeVar("T")


def in_turns(ways: Mapping[W, Callable[[], T]], repeats: int) -> list[dict[W, T]]:
    """Return what each way gives, turn by turn, A B A B, after one turn that warms up."""
    for way in ways.values():
        way()
    return [{name: way() for name, way in ways.items()} for _ in range(repeats)]
