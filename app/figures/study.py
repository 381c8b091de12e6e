"""The figure of a study: means over seeds with their intervals, and every seed's value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from app.figures.comparison.results import error_bars, legend, row_axis
from app.figures.drawing import (
    FONT_SIZE,
    THEME_BACKGROUND,
    THEME_TEXT,
    Drawing,
    base_layout,
    empty,
    style_of,
)
from bikd_core.studies import Interval
from bikd_core.studies.results import Point

_HEIGHT = 420
_ROW = 46  # px: a point's name, and its values under it
_NAME_AT, _VALUES_AT = 0.22, -0.2  # in rows above the row's line
_TOP, _BOTTOM = 64, 56  # px: the legend, the axis
_LOG_FROM = 20  # an axis whose largest value is so many times the smallest has decades


class Measure(NamedTuple):
    """What a study's figure draws, in words."""

    title: str  # of the axis, with its unit
    scale: float  # from the value to the axis
    digits: int

    def text(self, value: float) -> str:
        """Return a value as it is written."""
        return f"{self.scale * value:.{self.digits}f}"


_MEASURES = {
    "accuracy": Measure("balanced accuracy (%)", 100, 1),
    "gain in accuracy": Measure("gain in balanced accuracy (points)", 100, 1),
    "accuracy_many": Measure("many-class accuracy (%)", 100, 1),
    "accuracy_medium": Measure("medium-class accuracy (%)", 100, 1),
    "accuracy_few": Measure("few-class accuracy (%)", 100, 1),
    "val_accuracy": Measure("accuracy on D_val (%)", 100, 1),
    "accuracy_with_biases": Measure("balanced accuracy with class biases (%)", 100, 1),
    "calibration_error": Measure("expected calibration error (%)", 100, 1),
    "saturated_share": Measure("saturated weights (%)", 100, 1),
    "val_loss": Measure("loss on D_val (nats)", 1, 3),
    "test_loss": Measure("test loss (nats)", 1, 3),
    "hypergradient_norm": Measure("norm of the hypergradient", 1, 4),
    "hypergradient_cosine": Measure("cosine of successive hypergradients", 1, 3),
}


QUESTION = "What came out, seed by seed?"
_OF_SEARCHES = "What would searches have found?"


def study(x: str, measure: str, points: Sequence[Point]) -> Drawing:
    """Return lines over a number, or one row for each point where something has a name.

    Args:
        x: What the axis of numbers shows.
        measure: The measure of the points, as a study names it.
        points: In the order in which they are drawn.
    """
    if not points:
        return empty(QUESTION, "Here as soon as a seed of this study has finished.", _HEIGHT)
    shown = _MEASURES[measure]
    numbers = sorted({len(point.values) for point in points})
    has_seeds = numbers != [0]  # else the points are of searches, drawn from trials
    each = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    sentence = (
        f"Means over {each} seed{'s' * (numbers != [1])} with 95 % intervals; rings are single "
        "seeds."
    )
    if not has_seeds:
        sentence = "Means over searches that are drawn from the trials; 95 % lie within the bars."
    alt = f"{sentence} " + " ".join(f"{point.label}: {shown.text(point.mean)}." for point in points)
    draw = _rows if any(isinstance(point.x, str) for point in points) else _lines
    data, layout, height = draw(x, shown, points)
    title = QUESTION if has_seeds else _OF_SEARCHES
    return Drawing(title, sentence, f"{shown.title}. {alt}", data, layout, height)


def _by_series(points: Sequence[Point]) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for point in points:
        found.setdefault(point.series, []).append(point)
    return found


def _interval(points: Sequence[Point], shown: Measure, **more: Any) -> dict[str, Any]:
    values = [Interval(point.mean, point.low, point.high) for point in points]
    return error_bars(values, shown.scale, **more)


def _words(point: Point, shown: Measure) -> str:
    if not point.values and point.low is not None and point.high is not None:
        ends = f"{shown.text(point.low)} to {shown.text(point.high)}"
        return f"{point.label}: {shown.text(point.mean)}, 95 % from {ends}"
    half = "" if point.high is None else f" ± {shown.text(point.high - point.mean)}"
    return f"{point.label}: {shown.text(point.mean)}{half}"


# Lines over a number -----------------------------------------------------------------------------


def _lines(
    x: str, shown: Measure, points: Sequence[Point]
) -> tuple[list[dict[str, Any]], dict[str, Any], int]:
    data = []
    for number, (series, own) in enumerate(_by_series(points).items()):
        own = sorted(own, key=lambda point: float(point.x))
        colour, symbol, dash = style_of(number)
        dots = [
            (point.x, value, f"{point.label}, seed {seed}")
            for point in own
            for seed, value in point.values.items()
        ]
        data.append(
            {
                "type": "scatter",
                "uid": f"line-{number}",
                "name": series,
                "mode": "lines+markers",
                "x": [point.x for point in own],
                "y": [round(shown.scale * point.mean, 4) for point in own],
                "error_y": _interval(own, shown, color=colour),
                "line": {"color": colour, "width": 2, "dash": dash},
                "marker": {"symbol": symbol, "size": 10, "color": colour},
                "text": [_words(point, shown) for point in own],
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
        data.append(_rings(f"seeds-{number}", dots, colour, shown, is_upright=True))
    layout = base_layout(
        margin={"l": 66, "r": 16, "t": _TOP, "b": _BOTTOM},
        xaxis=_number_axis(x, [float(point.x) for point in points]),
        yaxis={"title": {"text": shown.title}, "zeroline": False},
        showlegend=True,
        legend=legend(),
    )
    return data, layout, _HEIGHT


def _number_axis(title: str, values: Sequence[float]) -> dict[str, Any]:
    ticks = sorted(set(values))
    low, high = ticks[0], ticks[-1]
    axis: dict[str, Any] = {
        "title": {"text": title},
        "zeroline": False,
        "tickvals": ticks,
        "ticktext": [f"{value:g}" for value in ticks],
    }
    if low > 0 and high / low >= _LOG_FROM:
        room = 0.06 * math.log10(high / low)
        return axis | {
            "type": "log",
            "range": [math.log10(low) - room, math.log10(high) + room],
        }
    room = 0.06 * ((high - low) or 1.0)
    return axis | {"range": [low - room, high + room]}


# Rows of names -----------------------------------------------------------------------------------


def _rows(
    x: str, shown: Measure, points: Sequence[Point]
) -> tuple[list[dict[str, Any]], dict[str, Any], int]:
    row_of = {id(point): row for row, point in enumerate(points)}
    data = []
    for number, (series, own) in enumerate(_by_series(points).items()):
        colour, symbol, _ = style_of(number)
        dots = [
            (value, _VALUES_AT - row_of[id(point)], f"{point.label}, seed {seed}")
            for point in own
            for seed, value in point.values.items()
        ]
        data.append(_rings(f"seeds-{number}", dots, colour, shown, is_upright=False))
        data.append(
            {
                "type": "scatter",
                "uid": f"row-{number}",
                "name": series,
                "mode": "markers",
                "x": [round(shown.scale * point.mean, 4) for point in own],
                "y": [_VALUES_AT - row_of[id(point)] for point in own],
                "error_x": _interval(own, shown, color=colour, thickness=3, width=7),
                "marker": {"symbol": symbol, "size": 11, "color": colour},
                "text": [_words(point, shown) for point in own],
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    layout = base_layout(
        margin={"l": 14, "r": 14, "t": _TOP, "b": _BOTTOM},
        xaxis={"title": {"text": shown.title}, "zeroline": False},
        yaxis=row_axis(len(points), title=""),
        annotations=_names(points, shown),
        showlegend=True,
        legend=legend(),
    )
    return data, layout, _TOP + _BOTTOM + _ROW * len(points)


def _names(points: Sequence[Point], shown: Measure) -> list[dict[str, Any]]:
    return [
        {
            "text": text,
            "x": at,
            "xref": "paper",
            "xanchor": anchor,
            "y": _NAME_AT - row,
            "yanchor": "middle",
            "showarrow": False,
            "font": {"size": FONT_SIZE, "color": THEME_TEXT},
            "bgcolor": THEME_BACKGROUND,
            "borderpad": 0,
        }
        for row, point in enumerate(points)
        for text, at, anchor in (
            (point.label, 0, "left"),
            (_words(point, shown).removeprefix(f"{point.label}: "), 1, "right"),
        )
    ]


def _rings(
    uid: str,
    dots: Sequence[tuple[float | str, float, str]],
    colour: str,
    shown: Measure,
    *,
    is_upright: bool,
) -> dict[str, Any]:
    """Return the trace of single seeds, whose values are on the y axis if upright."""
    values = [round(shown.scale * float(y if is_upright else x), 4) for x, y, _ in dots]
    others = [x if is_upright else y for x, y, _ in dots]
    return {
        "type": "scatter",
        "uid": uid,
        "mode": "markers",
        "showlegend": False,
        "x": others if is_upright else values,
        "y": values if is_upright else others,
        "text": [words for *_, words in dots],
        "marker": {"symbol": "circle-open", "size": 6, "color": colour},
        "opacity": 0.55,
        "hovertemplate": f"%{{text}}: %{{{'y' if is_upright else 'x'}}}<extra></extra>",
    }
