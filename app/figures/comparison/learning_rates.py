"""Balanced accuracy of each method over the learning rate, the comparison's own marked."""

from __future__ import annotations

import math
from typing import Any

from app.figures.comparison.results import Results, error_bars, plus_minus
from app.figures.drawing import THEME_TEXT, Drawing, base_layout, empty, style_of
from bikd_core.config import listed
from bikd_core.studies import Interval
from bikd_core.studies.learning_rates import RateCurve

RATES_QUESTION = "Who is under- or overpowered at the default learning rate?"
_HEIGHT = 400
_MARGIN = 0.12  # of the axis, in decades, beyond the first and the last rate

Points = list[tuple[float, Interval]]  # learning rate and balanced accuracy, from the lowest rate


def learning_rates(results: Results) -> Drawing:
    """Return a line for each method: mean and interval over seeds, at each learning rate."""
    accuracies = {line.method: line.values["accuracy"] for line in results.lines}
    found = [(curve, _points(curve, accuracies)) for curve in results.rate_curves]
    drawn = [(curve, points) for curve, points in found if points]
    if not any(len(points) > 1 for _, points in drawn):
        why = (
            "Here as soon as a method has finished a seed at two learning rates: choose the "
            "question about the learning rate, or add entries such as kd:learning_rate=0.1."
        )
        return empty(RATES_QUESTION, why, _HEIGHT)
    default = drawn[0][0].default
    sentence = _read(drawn)
    alt = f"Lines of balanced accuracy over the learning rate. {sentence} " + " ".join(
        f"{curve.label}: {', '.join(f'{plus_minus(v)} % at {rate:g}' for rate, v in points)}."
        for curve, points in drawn
    )
    layout = base_layout(
        margin={"l": 62, "r": 16, "t": 40, "b": 96},
        xaxis=_rate_axis(drawn, default),
        yaxis={"title": {"text": "balanced accuracy (%)"}, "zeroline": False},
        shapes=[_default_line(default)],
        annotations=[_default_label(default)],
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": -0.24, "yanchor": "top"},
    )
    data = [_line(number, curve, points) for number, (curve, points) in enumerate(drawn)]
    return Drawing(RATES_QUESTION, sentence, alt, data, layout, _HEIGHT)


def _points(curve: RateCurve, accuracies: dict[str, Interval]) -> Points:
    return [
        (rate, accuracies[text])
        for rate, text in zip(curve.rates, curve.entries, strict=True)
        if text in accuracies
    ]


def _line(number: int, curve: RateCurve, points: Points) -> dict[str, Any]:
    colour, symbol, dash = style_of(number)
    values = [value for _, value in points]
    return {
        "type": "scatter",
        "uid": f"rates-{number}",
        "name": curve.label,
        "mode": "lines+markers",
        "x": [rate for rate, _ in points],
        "y": [round(100 * value.mean, 2) for value in values],
        "error_y": error_bars(values, color=colour),
        "line": {"color": colour, "width": 2, "dash": dash},
        "marker": {"symbol": symbol, "size": 10, "color": colour},
        "text": [f"{curve.label} at {rate:g}: {plus_minus(value)} %" for rate, value in points],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _rate_axis(drawn: list[tuple[RateCurve, Points]], default: float) -> dict[str, Any]:
    rates = sorted({rate for _, points in drawn for rate, _ in points} | {default})
    return {
        "title": {"text": "learning rate"},
        "type": "log",
        "range": [math.log10(rates[0]) - _MARGIN, math.log10(rates[-1]) + _MARGIN],
        "tickvals": rates,
        "ticktext": [f"{rate:g}" for rate in rates],
        "zeroline": False,
    }


def _default_line(default: float) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": default,
        "x1": default,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": THEME_TEXT, "width": 1.5, "dash": "dot"},
    }


def _default_label(default: float) -> dict[str, Any]:
    return {
        "text": "default here",
        "x": math.log10(default),  # plotly.js wants an annotation's logarithm
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"color": THEME_TEXT},
    }


def _read(drawn: list[tuple[RateCurve, Points]]) -> str:
    """Return each method's best rate beside the default, and whose best lies at an end."""
    parts, at_end, open_ones = [], [], []
    for curve, points in drawn:
        if len(points) < 2:
            open_ones.append(curve.label)
            continue
        rate, best = max(points, key=lambda point: point[1].mean)
        own = dict(points).get(curve.default)
        words = f"{curve.label} at {rate:g}"
        if own is not None and rate != curve.default:
            words += f" ({100 * (best.mean - own.mean):.1f} points above {curve.default:g})"
        parts.append(words)
        if rate in (points[0][0], points[-1][0]):
            at_end.append(curve.label)
    sentence = f"Highest mean: {listed(parts)}."
    if at_end:
        sentence += f" The best rate drawn is the first or the last one for {listed(at_end)}."
    if open_ones:
        sentence += f" One rate alone: {listed(open_ones)}."
    return f"{sentence} These are picked on the test set; bikd search picks on D_val."
