"""How well the student does: over the epochs, and class by class at one of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from app.figures.class_biases import star_by_class, star_over_epochs, words_over_epochs
from app.figures.classes import Rows, class_axis, row_values, rows_of
from app.figures.drawing import (
    GROUP_COLOURS,
    GROUP_DASHES,
    HEIGHT,
    PERCENT_RANGE,
    THEME_TEXT,
    Drawing,
    base_layout,
    end_labels,
    epoch_axis,
    epoch_marker,
    percent,
)
from bikd_core.events import ClassBiasesFitted, ControlChanged, EpochDone, RunStarted

MAX_POINTS = 1000  # epochs drawn in one line; of longer runs every n-th, and the sentence says so
_PLOTTED_HEIGHT = HEIGHT - 64  # px
_LEGEND_HEIGHT = 22  # px
_LABEL_WIDTH = 0.08  # width of an upright label, as a share of the epoch axis


ACCURACY_QUESTION = "How good is the student on balanced test data?"


def accuracy_over_epochs(
    epochs: Sequence[EpochDone],
    controls: Sequence[ControlChanged],
    chosen: int,
    planned: int,
    fitted: ClassBiasesFitted | None = None,
    *,
    has_groups: bool = True,
) -> Drawing:
    """Return lines of the balanced test accuracy, and of that of many, medium and few.

    Stars at the last epoch: the same with class biases.

    Args:
        epochs: At least one, from epoch 1 on.
        controls: Changes made while it trained: marked as lines.
        chosen: The epoch looked at.
        planned: Planned epochs of the run.
        fitted: The run's class biases, if it has any.
        has_groups: Whether some classes have more images than others.
    """
    values = {"balanced": [epoch.accuracy for epoch in epochs]}
    if has_groups:
        values |= {
            "many": [epoch.accuracy_many for epoch in epochs],
            "medium": [epoch.accuracy_medium for epoch in epochs],
            "few": [epoch.accuracy_few for epoch in epochs],
        }
    colours = {"balanced": THEME_TEXT} | GROUP_COLOURS
    dashes = {"balanced": "solid"} | GROUP_DASHES
    every = math.ceil(len(epochs) / MAX_POINTS)
    data = [
        line_over_epochs(name, [100 * value for value in line], every, colours[name], dashes[name])
        for name, line in values.items()
    ]
    data[0]["line"]["width"] = 4
    above = 0  # px: the legend
    words, legend = "", {}
    if fitted is not None:
        above, words, legend = (
            _LEGEND_HEIGHT,
            words_over_epochs(fitted, has_groups=has_groups),
            _legend_of_stars(data),
        )
        data.append(star_over_epochs(fitted, has_groups=has_groups))
    ends = {name: (100 * line[-1], colours[name]) for name, line in values.items()}
    change_lines, change_labels = control_marks(controls, planned)
    now = epochs[chosen - 1]
    groups = ", ".join(
        f"{name} {percent(line[chosen - 1])}" for name, line in [*values.items()][1:]
    )
    if not has_groups:
        groups = "all classes are equally large"
    sentence = (
        f"At epoch {chosen} of {planned} balanced accuracy is {percent(now.accuracy)}: {groups}."
        f"{words}{thinned(every)}"
    )
    layout = base_layout(
        hovermode="x unified",
        xaxis=epoch_axis(planned),
        yaxis={"title": {"text": "test accuracy (%)"}, "range": [0, 101], "zeroline": False},
        shapes=[epoch_marker(chosen), *change_lines],
        annotations=end_labels(ends, _PLOTTED_HEIGHT - above, 101) + change_labels,
        **legend,
    )
    best = max(range(len(epochs)), key=lambda i: epochs[i].accuracy)
    alt = (
        f"Line chart of test accuracy over {len(epochs)} epochs. {sentence} "
        f"Highest balanced accuracy so far: {percent(epochs[best].accuracy)} at epoch {best + 1}."
    )
    return Drawing(ACCURACY_QUESTION, sentence, alt, data, layout, HEIGHT)


def _legend_of_stars(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the layout of a legend for the stars alone: labels name the lines at their ends."""
    for line in lines:
        line["showlegend"] = False
    return {
        "margin": {"l": 62, "r": 108, "t": 12 + _LEGEND_HEIGHT, "b": 52},
        "showlegend": True,
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
    }


def line_over_epochs(
    name: str,
    values: Sequence[float | None],
    every: int,
    colour: str,
    dash: str,
    *,
    unit: str = "",
) -> dict[str, Any]:
    """Return one line from epoch 1 on, of every n-th value, with gaps where there is none.

    A value without a neighbour shows as a point.
    """
    drawn = [None if value is None else round(value, 3) for value in values[::every]]
    return {
        "type": "scatter",
        "uid": name.replace(", ", "-"),  # plotly.js makes a CSS class of it
        "name": name,
        "mode": "lines+markers" if has_lone_value(drawn) else "lines",
        "x0": 1,
        "dx": every,
        "y": drawn,
        "line": {"color": colour, "width": 3, "dash": dash},
        "hovertemplate": f"%{{y:.3~g}}{unit}",
    }


def has_lone_value(values: Sequence[float | None]) -> bool:
    """Return whether a value has no neighbour to be joined to: a line would not show it."""
    padded = [None, *values, None]
    return any(
        value is not None and before is None and after is None
        for before, value, after in zip(padded, padded[1:], padded[2:], strict=False)
    )


def thinned(every: int) -> str:
    """Return the sentence about epochs that a line leaves out; "" if it draws every one."""
    return f" One epoch in {every} is drawn." if every > 1 else ""


def control_marks(
    controls: Sequence[ControlChanged], planned: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return lines and labels where somebody paused the run or changed one of its controls.

    Changes whose labels would overlap share one, which says the last of each kind.
    """
    marks: list[tuple[int, dict[str, str]]] = []  # where a label is, and its words by control
    changes = [change for change in controls if change.control != "resumed"]
    for change in changes:
        if not marks or change.epoch - marks[-1][0] > _LABEL_WIDTH * planned:
            marks.append((change.epoch, {}))
        marks[-1][1][change.control] = _in_words(change)
    lines = [
        epoch_marker(epoch) | {"line": {"color": THEME_TEXT, "width": 1, "dash": "dash"}}
        for epoch in sorted({change.epoch for change in changes})
    ]
    labels = [
        {
            "text": ", ".join(texts.values()),
            "x": epoch,
            "y": 0,
            "yref": "paper",
            "xanchor": "left",
            "yanchor": "bottom",
            "textangle": -90,
            "showarrow": False,
            "font": {"size": 12, "color": THEME_TEXT},
        }
        for epoch, texts in marks
    ]
    return lines, labels


def _in_words(change: ControlChanged) -> str:
    if change.value is None:
        return "full speed" if change.control == "speed" else change.control
    if change.control == "speed":
        return f"at most {change.value:g} epochs/s"
    return f"learning rate {change.value:g}"


CLASS_ACCURACY_QUESTION = "Which classes does the student get right?"


def class_accuracy(
    epoch: EpochDone, started: RunStarted, fitted: ClassBiasesFitted | None = None
) -> Drawing:
    """Return bars of each class's test accuracy, head to tail; the teacher's as diamonds.

    Stars, if class biases were fitted to the student of this epoch: the accuracy with them.
    """
    rows = rows_of(started.class_names, started.class_counts)
    accuracy = [epoch.accuracy_per_class[label] for label in rows.labels]
    data = [accuracy_bars(rows, accuracy, "student")]
    teacher_words = ""
    if teacher := started.teacher_accuracy_per_class:
        data.append(_diamonds(rows, [teacher[label] for label in rows.labels]))
        teacher_words = f" Diamonds: the teacher, {percent(sum(teacher) / len(teacher))} balanced."
    star_words = ""
    if fitted is not None and fitted.epoch == epoch.epoch:
        data.append(star_by_class(fitted, rows))
        star_words = f" Stars: with class biases, {percent(fitted.accuracy)} balanced."
    worst = min(range(len(accuracy)), key=lambda row: accuracy[row])
    best = max(range(len(accuracy)), key=lambda row: accuracy[row])
    sentence = (
        f"At epoch {epoch.epoch} best on {rows.names[best]} ({percent(accuracy[best])}, "
        f"{rows.counts[best]:,} training images), worst on {rows.names[worst]} "
        f"({percent(accuracy[worst])}, {rows.counts[worst]:,}).{teacher_words}{star_words}"
    )
    numbers = [f"{100 * value:.0f} %" for value in accuracy] if rows.are_named else []
    layout = base_layout(
        margin={"l": rows.left_margin, "r": 60, "t": 12, "b": 52},
        bargap=0.35 if rows.are_named else 0,
        xaxis={"title": {"text": "test accuracy (%)"}, "range": PERCENT_RANGE, "zeroline": False},
        yaxis=class_axis(rows),
        annotations=row_values(numbers, THEME_TEXT),
    )
    listed = ", ".join(
        f"{name} {percent(value)}" for name, value in zip(rows.names, accuracy, strict=True)
    )
    alt = f"Bar chart of test accuracy by class, head to tail. {sentence} All: {listed}."
    return Drawing(CLASS_ACCURACY_QUESTION, sentence, alt, data, layout, rows.height)


def accuracy_bars(rows: Rows, accuracy: list[float], who: str) -> dict[str, Any]:
    """Return a bar for each class, in the order of the rows and in its group's colour."""
    return {
        "type": "bar",
        "uid": who,
        "name": who,
        "orientation": "h",
        "x": [round(100 * value, 1) for value in accuracy],
        "y": [-row for row in range(len(accuracy))],
        "customdata": [
            f"{name}, {count:,} training images"
            for name, count in zip(rows.names, rows.counts, strict=True)
        ],
        "marker": {"color": [GROUP_COLOURS[group] for group in rows.groups]},
        "hovertemplate": f"%{{customdata}}<br>{who} %{{x}} %<extra></extra>",
    }


def _diamonds(rows: Rows, accuracy: list[float]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "uid": "teacher",
        "name": "teacher",
        "mode": "markers",
        "x": [round(100 * value, 1) for value in accuracy],
        "y": [-row for row in range(len(accuracy))],
        "marker": {
            "symbol": "diamond-open",
            "size": 11 if rows.are_named else 5,
            "color": THEME_TEXT,
            "line": {"width": 2 if rows.are_named else 1},
        },
        "cliponaxis": False,
        "hovertemplate": "teacher %{x} %<extra></extra>",
    }
