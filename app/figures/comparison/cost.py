"""Accuracy against the time that an epoch takes."""

from __future__ import annotations

from typing import Any

from app.figures.comparison.results import Results, plus_minus
from app.figures.drawing import (
    FONT_SIZE,
    THEME_BACKGROUND,
    THEME_TEXT,
    Drawing,
    base_layout,
    empty,
    spread,
)
from bikd_core.studies import Line

HEIGHT = 400  # px
_PLOTTED = HEIGHT - 64
_LABEL_GAP = 18  # px
_CHEAP = 1.25  # times the base's time


COST_QUESTION = "What does it cost?"


def cost(results: Results) -> Drawing:
    """Return balanced accuracy against the time of an epoch, in multiples of KD's time.

    Without KD, in multiples of the reference's time.
    """
    lines = results.lines
    base = next((line for line in lines if line.method == "kd"), None) or next(
        (line for line in lines if line.method == results.reference), None
    )
    if base is None:
        why = f"Here as soon as {results.reference_name} has finished one seed."
        return empty(COST_QUESTION, why, HEIGHT)
    of = base.label
    times = [line.seconds_per_epoch / base.seconds_per_epoch for line in lines]
    values = [100 * line.values["accuracy"].mean for line in lines]
    ends = [
        100 * end
        for line in lines
        for end in (line.values["accuracy"].low, line.values["accuracy"].high)
        if end is not None
    ]
    low, high = min([*ends, *values]), max([*ends, *values])
    largest = 1.35 * max(*times, 1.0)  # the axis's end
    room = max(2.0, 0.08 * (high - low))
    y_range = [max(0.0, low - room), min(101.0, high + room)]
    layout = base_layout(
        margin={"l": 62, "r": 14, "t": 12, "b": 52},
        xaxis={
            "title": {"text": f"time of an epoch ÷ {of}'s"},
            "range": [0, largest],
            "ticksuffix": "×",
            "zeroline": False,
        },
        yaxis={
            "title": {"text": "balanced test accuracy (%)"},
            "range": y_range,
            "zeroline": False,
        },
        annotations=_labels(results, times, values, y_range, largest),
    )
    sentence = _read(results, times, of, base)
    spelt = " ".join(
        f"{line.label}: {time:.2f} times, {value:.1f} %."
        for line, time, value in zip(lines, times, values, strict=True)
    )
    alt = f"Scatter chart of balanced accuracy against time of an epoch. {sentence} {spelt}"
    return Drawing(COST_QUESTION, sentence, alt, [_points(results, times)], layout, HEIGHT)


def _points(results: Results, times: list[float]) -> dict[str, Any]:
    values = [line.values["accuracy"] for line in results.lines]
    return {
        "type": "scatter",
        "uid": "methods",
        "name": "methods",
        "mode": "markers",
        "x": [round(time, 3) for time in times],
        "y": [round(100 * value.mean, 2) for value in values],
        "error_y": {
            "type": "data",
            "array": [
                0.0 if value.high is None else round(100 * (value.high - value.mean), 2)
                for value in values
            ],
            "color": THEME_TEXT,
            "thickness": 1,
            "width": 4,
        },
        "text": [
            f"{line.label}<br>{plus_minus(line.values['accuracy'])} % balanced<br>"
            f"{line.seconds_per_epoch:.2g} s per epoch"
            for line in results.lines
        ],
        "marker": {"size": 11, "color": "#0072B2"},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _labels(
    results: Results,
    times: list[float],
    values: list[float],
    y_range: list[float],
    largest: float,
) -> list[dict[str, Any]]:
    """Return each point's name at its side with more room, moved where names would overlap."""
    per_point = _PLOTTED / (y_range[1] - y_range[0])  # px
    are_left = [time <= largest / 2 for time in times]
    placed = spread(values, _LABEL_GAP / per_point)
    return [
        {
            "text": line.label,
            "x": time,
            "y": value,
            "ax": 26 if is_left else -26,
            "ay": round((value - at) * per_point, 1),
            "xanchor": "left" if is_left else "right",
            "showarrow": True,
            "arrowhead": 0,
            "arrowwidth": 1,
            "arrowcolor": THEME_TEXT,
            "standoff": 6,
            "font": {"size": FONT_SIZE - 1, "color": THEME_TEXT},
            "bgcolor": THEME_BACKGROUND,  # another point's interval may run behind it
            "borderpad": 0,
        }
        for line, time, value, at, is_left in zip(
            results.lines, times, values, placed, are_left, strict=True
        )
    ]


def _read(results: Results, times: list[float], of: str, base: Line) -> str:
    """Return the slowest method, and the best of those at most a quarter slower than the base."""
    slowest = max(range(len(times)), key=times.__getitem__)
    cheap = next(row for row in range(len(times)) if times[row] <= _CHEAP)
    best_of_cheap = results.lines[cheap]
    return (
        f"Slowest: {results.lines[slowest].label}, {times[slowest]:.1f} times {of} "
        f"({base.seconds_per_epoch:.2g} s an epoch). Best of those that take at most {_CHEAP:g} "
        f"times as long as {of}: {best_of_cheap.label}, "
        f"{plus_minus(best_of_cheap.values['accuracy'])} %."
    )
