"""Accuracy against the time that an epoch takes."""

from __future__ import annotations

from statistics import median
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
_LEVEL = 1.05  # up to that a time is the base's own


COST_QUESTION = "What does it cost?"
_NOT_TIMED = (
    "Not timed yet. Runs of different moments or machines say nothing about it, so a few steps of "
    "each method are timed here, in turns."
)


def cost(results: Results) -> Drawing:
    """Return balanced accuracy against the time of an epoch, in multiples of KD's time.

    Without KD, in multiples of the reference's time.
    """
    lines = [line for line in results.lines if line.method in results.epoch_seconds]
    if not lines or not results.time_base:
        return empty(COST_QUESTION, _NOT_TIMED, HEIGHT)
    of = results.time_base_name
    turns = [results.times(line.method) for line in lines]
    times = [median(turn) for turn in turns]
    values = [100 * line.values["accuracy"].mean for line in lines]
    ends = [
        100 * end
        for line in lines
        for end in (line.values["accuracy"].low, line.values["accuracy"].high)
        if end is not None
    ]
    low, high = min([*ends, *values]), max([*ends, *values])
    largest = 1.35 * max(1.0, *(max(turn) for turn in turns))  # the axis's end
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
        annotations=_labels(lines, times, values, y_range, largest),
    )
    sentence = _read(results, lines, turns)
    spelt = " ".join(
        f"{line.label}: {time:.2f} times, {value:.1f} %."
        for line, time, value in zip(lines, times, values, strict=True)
    )
    alt = f"Scatter chart of balanced accuracy against time of an epoch. {sentence} {spelt}"
    data = [_points(results, lines, turns)]
    return Drawing(COST_QUESTION, sentence, alt, data, layout, HEIGHT)


def _points(results: Results, lines: list[Line], turns: list[tuple[float, ...]]) -> dict[str, Any]:
    values = [line.values["accuracy"] for line in lines]
    times = [median(turn) for turn in turns]
    return {
        "type": "scatter",
        "uid": "methods",
        "name": "methods",
        "mode": "markers",
        "x": [round(time, 3) for time in times],
        "y": [round(100 * value.mean, 2) for value in values],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [round(max(turn) - median(turn), 3) for turn in turns],
            "arrayminus": [round(median(turn) - min(turn), 3) for turn in turns],
            "color": THEME_TEXT,
            "thickness": 1,
            "width": 4,
        },
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
            f"{median(results.epoch_seconds[line.method]):.2g} s per epoch"
            for line in lines
        ],
        "marker": {"size": 11, "color": "#0072B2"},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _labels(
    lines: list[Line],
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
            lines, times, values, placed, are_left, strict=True
        )
    ]


def _read(results: Results, lines: list[Line], turns: list[tuple[float, ...]]) -> str:
    """Return the slowest method, and the best of those at most a quarter slower than the base."""
    times = [median(turn) for turn in turns]
    of, base_seconds = results.time_base_name, median(results.epoch_seconds[results.time_base])
    slowest = max(range(len(times)), key=times.__getitem__)
    sentence = (
        f"Timed in {len(turns[0])} turns on this machine, a few steps of each on random images "
        f"({of}: {base_seconds:.2g} s an epoch). "
    )
    if len(lines) == 1:
        return f"{sentence}There is no other method to compare."
    low, high = min(turns[slowest]), max(turns[slowest])
    if times[slowest] <= _LEVEL or low <= 1:  # in some turn it was not slower
        return f"{sentence}None takes clearly longer than {of}."
    sentence += (
        f"Slowest: {lines[slowest].label}, {times[slowest]:.1f} times {of} ({low:.1f} to "
        f"{high:.1f} over the turns)."
    )
    cheap = next(row for row in range(len(times)) if times[row] <= _CHEAP)  # the base at least
    return (
        f"{sentence} Best of those that take at most {_CHEAP:g} times as long as {of}: "
        f"{lines[cheap].label}, {plus_minus(lines[cheap].values['accuracy'])} %."
    )
