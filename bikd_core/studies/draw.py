"""Draws the trials of an entry: points of one low-discrepancy sequence, the same for all entries.

Options that two entries both read have the same values in the same trial, so that entries differ
in what they make of them, not in their luck. Nothing depends on how a trial came out: the choice
without and with class biases can be made from the same trials.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from itertools import product
from typing import Any

from bikd_core.studies.search import Search
from bikd_core.studies.search_space import CONTROLS, Range, Space, Values

_MOST_POINTS = 10  # as a power of 2


def trials_of(search: Search, method: str, given: Mapping[str, Values]) -> list[str]:
    """Return the entries of a method's trials, each once; the first is the method itself.

    Args:
        search: Says how many there are, and what is drawn.
        method: The entry as text.
        given: What is drawn instead, by control; if it has no more points than there are trials,
            each is tried.
    """
    own = search.own_controls(method)
    space = search.space(method)
    if given:
        space = {name: given[name] for name in space if name in given}
    start = {name: own[name] for name in space}
    grid = _grid(space)
    if grid is not None and len(grid) <= search.num_trials:
        points = grid
    else:
        points = [start, *(_point(space, number) for number in range(search.num_trials - 1))]
    found = (_entry(search, method, point) for point in points)
    return list(dict.fromkeys(found))


def _entry(search: Search, method: str, point: Mapping[str, Any]) -> str:
    drawn: dict[str, Any] = {}
    for name, value in point.items():
        if search.is_drawn(name, method, drawn):
            drawn[name] = value
    return search.entry_with(method, drawn).text


def _grid(space: Space) -> list[dict[str, Any]] | None:
    if any(isinstance(values, Range) for values in space.values()):
        return None
    return [dict(zip(space, point, strict=True)) for point in product(*space.values())]


def _point(space: Space, number: int) -> dict[str, Any]:
    shares = dict(zip(CONTROLS, _sequence()[number], strict=True))
    return {name: _at(values, shares[name]) for name, values in space.items()}


def _at(values: Values, share: float) -> Any:
    """Return the value at a share from 0 to 1 of what can be drawn."""
    if not isinstance(values, Range):
        return values[min(int(share * len(values)), len(values) - 1)]
    if values.log:
        low, high = math.log(values.low), math.log(values.high)
        return math.exp(low + share * (high - low))
    return values.low + share * (values.high - values.low)


@cache
def _sequence() -> list[list[float]]:
    """Return Sobol's points, scrambled; (1024, controls)."""
    from scipy.stats import qmc  # takes over a second to import

    points: list[list[float]] = qmc.Sobol(len(CONTROLS), rng=0).random_base2(_MOST_POINTS).tolist()
    return points
