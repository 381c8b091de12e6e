"""Class biases fitted to D_val after training: their marks in the accuracy figures, and themselves.

A star stands for "with class biases" everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from app.figures.classes import Rows, are_level, class_axis, row_values, rows_of
from app.figures.drawing import (
    GROUP_COLOURS,
    HEIGHT,
    THEME_BACKGROUND,
    THEME_TEXT,
    Drawing,
    base_layout,
    percent,
)
from bikd_core.config import signed
from bikd_core.evaluation import shot_groups
from bikd_core.events import ClassBiasesFitted, RunStarted

CLASS_BIASES_QUESTION = "Which class biases does D_val ask for?"
NAME = "with class biases"
_BELOW = 84  # px: the axis and the legend


def star_over_epochs(fitted: ClassBiasesFitted, *, has_groups: bool = True) -> dict[str, Any]:
    """Return stars at the last epoch: accuracy with class biases, of all, many, medium and few."""
    values = {
        "balanced": fitted.accuracy,
        "many": fitted.accuracy_many,
        "medium": fitted.accuracy_medium,
        "few": fitted.accuracy_few,
    }
    if not has_groups:
        values = {"balanced": fitted.accuracy}
    colours = {"balanced": THEME_TEXT} | GROUP_COLOURS
    return _stars([colours[name] for name in values]) | {
        "x": [fitted.epoch] * len(values),
        "y": [round(100 * value, 3) for value in values.values()],
        "text": list(values),
        "hovertemplate": "%{text} %{y:.3~g}",
    }


def words_over_epochs(fitted: ClassBiasesFitted, *, has_groups: bool = True) -> str:
    """Return the sentence about these stars; without groups that of the balanced one alone."""
    words = (
        f" Stars: with class biases, fitted to {fitted.num_val} images of D_val after epoch "
        f"{fitted.epoch}, {percent(fitted.accuracy)}"
    )
    if not has_groups:
        return f"{words}."
    return (
        f"{words}: many {percent(fitted.accuracy_many)}, medium "
        f"{percent(fitted.accuracy_medium)}, few {percent(fitted.accuracy_few)}."
    )


def star_by_class(fitted: ClassBiasesFitted, rows: Rows) -> dict[str, Any]:
    """Return a star at the accuracy of each class with class biases, in the order of the rows."""
    accuracy = [fitted.accuracy_per_class[label] for label in rows.labels]
    return _stars(THEME_TEXT, 13 if rows.are_named else 6) | {
        "x": [round(100 * value, 1) for value in accuracy],
        "y": [-row for row in range(len(accuracy))],
        "hovertemplate": f"{NAME} %{{x}} %<extra></extra>",
    }


def _stars(colour: str | list[str], size: int = 13) -> dict[str, Any]:
    return {
        "type": "scatter",
        "uid": "class-biases",
        "name": NAME,
        "mode": "markers",
        "marker": {
            "symbol": "star",
            "size": size,
            "color": colour,
            "line": {"width": 1, "color": THEME_BACKGROUND},
        },
        "cliponaxis": False,
        "showlegend": True,
    }


def class_biases(fitted: ClassBiasesFitted, started: RunStarted) -> Drawing:
    """Return the bias of each class, head to tail, beside what would undo the class counts."""
    rows = rows_of(started.class_names, started.class_counts)
    counts = np.array(started.counts_as_labelled, dtype=np.float64)
    undoing = np.log(counts).mean() - np.log(counts)  # −log π without its mean
    biases = np.array(fitted.biases)
    limit = 1.1 * max(float(np.abs([*biases, *undoing]).max()), 0.1)
    ordered = [float(biases[label]) for label in rows.labels]
    data = [
        _ways(ordered),
        _stars([GROUP_COLOURS[group] for group in rows.groups], 13 if rows.are_named else 6)
        | {
            "name": "bias",
            "x": [round(value, 4) for value in ordered],
            "y": [-row for row in range(len(ordered))],
            "customdata": list(rows.names),
            "hovertemplate": "%{customdata}: %{x:+.2f}<extra></extra>",
        },
        _diamonds([float(undoing[label]) for label in rows.labels], rows),
    ]
    numbers = [signed(value, 2) for value in ordered] if rows.are_named else []
    layout = base_layout(
        margin={"l": rows.left_margin, "r": 60, "t": 12, "b": _BELOW},
        xaxis={
            "title": {"text": "added to the logit over the temperature (nats)", "standoff": 6},
            "range": [-limit, limit],
            "zeroline": True,
            "zerolinewidth": 2,
        },
        yaxis=class_axis(rows),
        annotations=row_values(numbers, THEME_TEXT),
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
    )
    sentence = _read(fitted, started, undoing)
    listed = ", ".join(
        f"{name} {signed(value, 2)}" for name, value in zip(rows.names, ordered, strict=True)
    )
    alt = f"Marks of the class biases beside −log π, head to tail. {sentence} All: {listed}."
    height = max(HEIGHT, rows.height + _BELOW - 52)
    return Drawing(CLASS_BIASES_QUESTION, sentence, alt, data, layout, height)


def _ways(values: list[float]) -> dict[str, Any]:
    """Return lines from 0 to each bias."""
    return {
        "type": "scatter",
        "uid": "way",
        "mode": "lines",
        "x": [x for value in values for x in (0, round(value, 4), None)],
        "y": [y for row in range(len(values)) for y in (-row, -row, None)],
        "line": {"color": THEME_TEXT, "width": 1.5},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _diamonds(values: list[float], rows: Rows) -> dict[str, Any]:
    return {
        "type": "scatter",
        "uid": "minus-log-prior",
        "name": "−log π: undoes the class counts",
        "mode": "markers",
        "x": [round(value, 4) for value in values],
        "y": [-row for row in range(len(values))],
        "marker": {
            "symbol": "diamond-open",
            "size": 11 if rows.are_named else 5,
            "color": THEME_TEXT,
            "line": {"width": 2 if rows.are_named else 1},
        },
        "hovertemplate": "−log π %{x:+.2f}<extra></extra>",
    }


def _read(fitted: ClassBiasesFitted, started: RunStarted, undoing: Any) -> str:
    groups = shot_groups(started.class_counts)
    biases = np.array(fitted.biases)

    def mean(values: Any, labels: tuple[int, ...]) -> str:
        return signed(float(values[list(labels)].mean()), 2)

    where = (
        f"{mean(biases, groups.few)} nats on few-shot classes, {mean(biases, groups.many)} on "
        f"many-shot ones (−log π: {mean(undoing, groups.few)} and {mean(undoing, groups.many)})"
    )
    if are_level(started.class_counts):
        where = f"{signed(biases.min(), 2)} to {signed(biases.max(), 2)} nats (−log π: 0)"
    sentence = (
        f"Fitted after epoch {fitted.epoch} to {fitted.num_val} images of D_val that were not "
        "trained on: "
        f"{where}, at temperature {fitted.temperature:.2f}."
    )
    return " ".join([sentence, *fitted.warnings])
