"""What one run gets right that the other does not: each class's accuracy in both, paired."""

from __future__ import annotations

from statistics import fmean
from typing import Any, NamedTuple

from app.figures.classes import Rows, class_axis, row_values, rows_of
from app.figures.drawing import (
    GROUP_COLOURS,
    PERCENT_RANGE,
    THEME_TEXT,
    Drawing,
    base_layout,
    percent,
)
from bikd_core.config import signed
from bikd_core.events import EpochDone, RunStarted

_BAR = 0.36  # of a row's height
_LEGEND = 26  # px
PAIRED_HEIGHT_MORE = 40  # px beside that of one bar a class: two bars need more room


class Side(NamedTuple):
    """One of two runs at an epoch."""

    name: str  # "A (BiKD)"
    epoch: EpochDone


def paired_accuracy(before: Side, after: Side, started: RunStarted) -> Drawing:
    """Return two bars for each class, head to tail, and in the margin their difference.

    The title says what the rare classes gain; colours are those of the groups, and the first run's
    bars are outlines.

    Args:
        before: The run that the other one is compared with.
        after: The other one.
        started: Names and counts of the classes, the same in both.
    """
    rows = rows_of(started.class_names, started.class_counts)
    first, second = (
        [side.epoch.accuracy_per_class[label] for label in rows.labels] for side in (before, after)
    )
    gains = [round(100 * b, 1) - round(100 * a, 1) for a, b in zip(first, second, strict=True)]
    data = [
        _bars(rows, second, after.name, -_BAR / 2, is_filled=True),
        _bars(rows, first, before.name, _BAR / 2, is_filled=False),
    ]
    numbers = [signed(gain + 0.0, 0) for gain in gains] if rows.are_named else []
    layout = base_layout(
        margin={"l": rows.left_margin, "r": 60, "t": 12 + _LEGEND, "b": 52},
        barmode="overlay",
        xaxis={"title": {"text": "test accuracy (%)"}, "range": PERCENT_RANGE, "zeroline": False},
        yaxis=class_axis(rows),
        annotations=row_values(numbers, THEME_TEXT),
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "reversed"},
    )
    sentence = _read(before, after, rows, gains)
    listed = ", ".join(f"{name} {signed(g)}" for name, g in zip(rows.names, gains, strict=True))
    alt = f"Paired bars of test accuracy by class, head to tail. {sentence} All: {listed}."
    height = rows.height + _LEGEND + PAIRED_HEIGHT_MORE
    return Drawing(_title(before, after, rows), sentence, alt, data, layout, height)


def _bars(
    rows: Rows, accuracy: list[float], name: str, shift: float, *, is_filled: bool
) -> dict[str, Any]:
    colours = [GROUP_COLOURS[group] for group in rows.groups]
    return {
        "type": "bar",
        "uid": "after" if is_filled else "before",
        "name": name,
        "orientation": "h",
        "x": [round(100 * value, 1) for value in accuracy],
        "y": [shift - row for row in range(len(accuracy))],
        "width": _BAR,
        "customdata": list(rows.names),
        "marker": {
            "color": colours if is_filled else "rgba(0,0,0,0)",
            "line": {"color": colours, "width": 1.5},
        },
        "hovertemplate": f"%{{customdata}}<br>{name} %{{x}} %<extra></extra>",
    }


def _title(before: Side, after: Side, rows: Rows) -> str:
    """Return the headline: what the rare classes gain, or all where none is rarer."""
    versus = f"{after.name} against {before.name}"
    group = "balanced" if rows.are_level else "few"
    first, second = (_accuracy(side.epoch, group) for side in (before, after))
    return f"{versus}: {group} {100 * first:.0f} → {100 * second:.0f} %"


def _accuracy(epoch: EpochDone, group: str) -> float:
    values = {
        "few": epoch.accuracy_few,
        "medium": epoch.accuracy_medium,
        "many": epoch.accuracy_many,
        "balanced": epoch.accuracy,
    }
    return values[group]


def _read(before: Side, after: Side, rows: Rows, gains: list[float]) -> str:
    """Return the accuracies of both, and how many classes gain and lose."""
    a, b = before.epoch, after.epoch
    when = f"epoch {b.epoch}" if a.epoch == b.epoch else f"epochs {a.epoch} and {b.epoch}"
    groups = ("balanced",) if rows.are_level else ("few", "medium", "many", "balanced")
    words = ", ".join(
        f"{group} {percent(_accuracy(a, group))} → {percent(_accuracy(b, group))}"
        for group in groups
    )
    up, down = sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)
    sentence = f"At {when}, from {before.name} to {after.name}: {words}."
    if not up and not down:
        return f"{sentence} No class differs."
    return (
        f"{sentence} {up} of {len(gains)} classes gain, {down} lose; mean "
        f"{signed(fmean(gains))} points. One run each: a difference may be chance."
    )
