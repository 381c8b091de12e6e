"""What the figures of a comparison are drawn from, and how its methods stand in rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.figures.drawing import FONT_SIZE, THEME_BACKGROUND, THEME_TEXT
from bikd_core.config import signed
from bikd_core.events import EpochDone
from bikd_core.studies import Calibration, Gain, Interval, Line
from bikd_core.studies.learning_rates import RateCurve

ROW = 66  # px for one method: its name, then two lanes
TOP, BOTTOM = 58, 52  # px: the legend, the axis
NAME_AT, MEAN_AT, SEEDS_AT, GROUPS_AT = 0.34, 0.06, -0.13, -0.33  # in rows above the row's line
_MIN_REACH = 2.0  # points to each side of zero, of an axis of differences
#: The balanced accuracy that does not count, where a row shows both.
CALIBRATIONS = {"none": "without class biases", "class_biases": "with class biases"}
BETTER, WORSE = "#0072B2", "#D55E00"  # Okabe and Ito's blue and vermilion


@dataclass(frozen=True)
class Results:
    """The results of a comparison's finished runs."""

    lines: tuple[Line, ...]  # best first
    reference: str
    reference_name: str  # for people
    epochs: Mapping[str, Mapping[int, EpochDone]]  # the one that counts, by method and seed
    run_ids: Mapping[str, Mapping[int, str]]
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]  # training images, label order
    gains: tuple[Gain, ...] = ()  # of objectives that are compared with BiKD over them
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)  # that count, by method
    rate_curves: tuple[RateCurve, ...] = ()  # methods that are compared at several learning rates
    #: Seconds of an epoch by method and turn, timed beside each other here; {}: never timed.
    epoch_seconds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def time_base(self) -> str:
        """The method whose time the others are multiples of: KD, else the reference; "": none."""
        drawn = {line.method for line in self.lines} & set(self.epoch_seconds)
        return next((method for method in ("kd", self.reference) if method in drawn), "")

    @property
    def time_base_name(self) -> str:
        """The name of that method."""
        return next(line.label for line in self.lines if line.method == self.time_base)

    def times(self, method: str) -> tuple[float, ...]:
        """Return a method's time as multiples of the base's, turn by turn."""
        pairs = zip(self.epoch_seconds[method], self.epoch_seconds[self.time_base], strict=True)
        return tuple(own / base for own, base in pairs)


def plus_minus(value: Interval, *, is_difference: bool = False) -> str:
    """Return mean and half the interval, in percent or points; for one seed the mean alone."""
    mean = signed(100 * value.mean) if is_difference else f"{100 * value.mean:.1f}"
    if value.high is None:
        return mean
    return f"{mean} ± {100 * (value.high - value.mean):.1f}"


def error_bars(values: Sequence[Interval], scale: float = 100, **more: Any) -> dict[str, Any]:
    """Return error bars: the 95 % intervals, times the scale of their axis."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [_half(value.high, value.mean, scale) for value in values],
        "arrayminus": [_half(value.mean, value.low, scale) for value in values],
        "thickness": 2,
        "width": 5,
    } | more


def _half(high: float | None, low: float | None, scale: float) -> float:
    return 0.0 if high is None or low is None else round(scale * (high - low), 3)


def row_axis(number: int, title: str = "method, best first") -> dict[str, Any]:
    """Return the y axis: row r is at −r. Names stand above their lanes: a phone is narrow."""
    return {
        "range": [0.5 - number, 0.5],
        "showticklabels": False,
        "ticks": "",
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "title": {"text": title, "standoff": 6},
    }


def row_names(names: Sequence[str], values: Sequence[str]) -> list[dict[str, Any]]:
    """Return each row's name at the left and its number, if any, at the right."""
    return [
        {
            "text": text,
            "x": x,
            "xref": "paper",
            "xanchor": anchor,
            "y": NAME_AT - row,
            "yanchor": "middle",
            "showarrow": False,
            "font": {"size": FONT_SIZE, "color": THEME_TEXT},
            "bgcolor": THEME_BACKGROUND,
            "borderpad": 0,
        }
        for texts, x, anchor in (
            ([f"<b>{name}</b>" for name in names], 0, "left"),
            (values, 1, "right"),
        )
        for row, text in enumerate(texts)
    ]


def row_borders(number: int) -> list[dict[str, Any]]:
    """Return thin lines between the rows."""
    return [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": -row - 0.5,
            "y1": -row - 0.5,
            "opacity": 0.25,
            "line": {"color": THEME_TEXT, "width": 1},
        }
        for row in range(number - 1)
    ]


def legend() -> dict[str, Any]:
    """Return a legend above the plot, in as many lines as the width needs."""
    return {
        "orientation": "h",
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "bottom",
        "font": {"size": FONT_SIZE - 1},
        "itemsizing": "trace",
    }


def seed_dots(dots: list[tuple[float, float, str]], name: str) -> dict[str, Any]:
    """Return the trace of single seeds' differences: (points, height, words) of each."""
    return {
        "type": "scatter",
        "uid": "seeds",
        "name": name,
        "mode": "markers",
        "x": [x for x, _, _ in dots],
        "y": [y for _, y, _ in dots],
        "text": [words for *_, words in dots],
        "marker": {"symbol": "circle-open", "size": 7, "color": THEME_TEXT},
        "opacity": 0.7,
        "hovertemplate": "%{text}: %{x:+.1f} points<extra></extra>",
    }


def difference_axis(title: str, shown: Iterable[float]) -> dict[str, Any]:
    """Return the x axis of differences in points: it holds zero and all that is shown."""
    reach = [-_MIN_REACH, _MIN_REACH, *shown]
    room = 0.06 * (max(reach) - min(reach))
    return {
        "title": {"text": title},
        "range": [min(reach) - room, max(reach) + room],
        "zeroline": True,
        "zerolinewidth": 2,
        "zerolinecolor": THEME_TEXT,
    }
