"""Two runs' figures side by side: nothing may look different only because an axis is."""

from __future__ import annotations

from typing import Any

from app.figures.drawing import Drawing


def on_same_axes(first: Drawing, second: Drawing) -> tuple[Drawing, Drawing]:
    """Return the same figure of two runs with common axes and a common height.

    All figures give their axes ranges; bins and colours' ranges are the same for all runs with the
    same scale of weights. An axis that is logarithmic in only one of the figures stays as it is.
    """
    ranges = _ranges(first)
    common = {
        axis: _union(ranges[axis], other)
        for axis, other in _ranges(second).items()
        if axis in ranges and _type(first, axis) == _type(second, axis)
    }
    height = max(first.height, second.height)
    return _with_ranges(first, common, height), _with_ranges(second, common, height)


def _ranges(drawing: Drawing) -> dict[str, list[float]]:
    axes = {name: axis for name, axis in drawing.layout.items() if name[1:5] == "axis"}
    return {name: axis["range"] for name, axis in axes.items() if "range" in axis}


def _type(drawing: Drawing, axis: str) -> str:
    kind: str = drawing.layout[axis].get("type", "linear")
    return kind


def _union(first: list[float], second: list[float]) -> list[float]:
    low, high = min(*first, *second), max(*first, *second)
    return [high, low] if first[0] > first[1] else [low, high]


def _with_ranges(drawing: Drawing, ranges: dict[str, list[float]], height: int) -> Drawing:
    layout: dict[str, Any] = drawing.layout | {
        name: drawing.layout[name] | {"range": both} for name, both in ranges.items()
    }
    return drawing._replace(layout=layout, height=height)
