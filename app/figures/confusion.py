"""What the student takes test images for: the confusion matrix of one epoch, head to tail.

C classes; the matrix has a row for each true class and a column for each predicted one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.classes import Rows, are_level, rows_of
from app.figures.drawing import (
    FONT_SIZE,
    HEIGHT,
    ROW_HEIGHT,
    Drawing,
    base_layout,
    packed,
    percent,
)
from bikd_core.config import signed
from bikd_core.evaluation import shot_groups
from bikd_core.events import RunStarted

_GROUPS = ("many", "medium", "few")
_MAX_LABEL_LENGTH = 10  # characters under a column
_MANY_CLASSES_HEIGHT = 520  # px
# Most of a matrix is nearly 0: half of the colours are for shares below 15 %.
_COLOURS = [
    [0, "#00224E"],
    [0.01, "#123570"],
    [0.04, "#3B496C"],
    [0.09, "#575D6D"],
    [0.17, "#707173"],
    [0.3, "#8A8678"],
    [0.45, "#A59C74"],
    [0.65, "#C3B369"],
    [0.85, "#E1CC55"],
    [1, "#FEE838"],
]


_LARGEST_DIFFERENCE = 50  # percentage points; beyond, the colour stays the same
# Orange: less in B, blue: more; the grey in the middle is visible on light and dark pages.
DIFFERENCE_COLOURS = [
    [0, "#B35806"],
    [0.35, "#F1A340"],
    [0.5, "#E8E8E8"],
    [0.65, "#67A9CF"],
    [1, "#08519C"],
]


CONFUSION_QUESTION = "What is the tail taken for?"


def confusion(
    counts: NDArray[np.integer[Any]], started: RunStarted, epoch: int, *, by_class: bool = True
) -> Drawing:
    """Return what share of each class's test images is taken for which class; counts on hover.

    Args:
        counts: [C, C] test images in label order: rows true, columns predicted.
        started: Names and counts of the classes.
        epoch: Whose matrix it is.
        by_class: Else a row and a column for each of many, medium, few.
    """
    rows = rows_of(started.class_names, started.class_counts)
    sentence = _read(counts, rows, started, epoch)
    ordered = counts[np.ix_(rows.labels, rows.labels)]
    names, labels = list(rows.names), list(rows.tick_labels)
    if not by_class:
        ordered, names, labels = _grouped(counts, started), list(_GROUPS), list(_GROUPS)
    are_all_named = len(names) == len(labels)
    shares = ordered / np.maximum(ordered.sum(axis=1, keepdims=True), 1)
    heat = _heat(ordered, shares, names, is_written=are_all_named)
    last = len(names) - 1
    layout = base_layout(
        margin={"l": 34 + 7 * max(map(len, labels)), "r": 12, "t": 12, "b": 62},
        xaxis=_axis("taken for", names, _columns(names, rows, by_class), rows, by_class)
        | {"range": [-0.5, last + 0.5], "tickangle": 0},
        yaxis=_axis("true class", names, labels, rows, by_class) | {"range": [last + 0.5, -0.5]},
        shapes=_borders(rows) if by_class else [],
    )
    height = _MANY_CLASSES_HEIGHT
    if are_all_named:
        height = max(HEIGHT, 76 + ROW_HEIGHT * len(names))
    alt = (
        f"Heat map of the confusion matrix on the test set, {len(names)} true classes by "
        f"{len(names)} predicted ones, head to tail. {sentence} "
        f"Right: {_listed(names, np.diagonal(shares))}."
    )
    return Drawing(CONFUSION_QUESTION, sentence, alt, [heat], layout, height)


DIFFERENCE_QUESTION = "What does B confuse that A does not?"


def confusion_difference(
    counts: tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]],
    started: RunStarted,
    epochs: tuple[int, int],
    *,
    by_class: bool = True,
) -> Drawing:
    """Return run B's confusion matrix minus run A's, in percentage points of each row.

    Args:
        counts: [C, C] test images of run A and of run B, in label order.
        started: Names and counts of the classes, those of both runs.
        epochs: Whose matrices they are.
        by_class: Else a row and a column for each of many, medium, few.
    """
    rows = rows_of(started.class_names, started.class_counts)
    names, labels = list(rows.names), list(rows.tick_labels)
    if by_class:
        ordered = [matrix[np.ix_(rows.labels, rows.labels)] for matrix in counts]
    else:
        ordered = [_grouped(matrix, started) for matrix in counts]
        names = labels = list(_GROUPS)
    first, second = (m / np.maximum(m.sum(axis=1, keepdims=True), 1) for m in ordered)
    points = 100 * (second - first)
    are_all_named = len(names) == len(labels)
    last = len(names) - 1
    heat = {
        "type": "heatmap",
        "uid": "confusion-difference",
        "x": names,
        "y": names,
        "z": np.round(points, 1).tolist(),
        "zmin": -_LARGEST_DIFFERENCE,
        "zmax": _LARGEST_DIFFERENCE,
        "colorscale": DIFFERENCE_COLOURS,
        "colorbar": {
            "title": {"text": "B − A, points", "font": {"size": FONT_SIZE}},
            "thickness": 14,
            "tickvals": [-50, -25, 0, 25, 50],
            "ticktext": ["≤ −50", "−25", "0", "+25", "≥ +50"],
        },
        "hovertemplate": "true %{y}, taken for %{x}<br>B − A: %{z:+} points of the row"
        "<extra></extra>",
    }
    if are_all_named:
        written = [[signed(p, 0) if abs(p) >= 0.5 else "" for p in row] for row in points]
        heat |= {
            "xgap": 1,
            "ygap": 1,
            "text": written,
            "texttemplate": "%{text}",
            "textfont": {"size": FONT_SIZE, "weight": "bold"},
        }
    layout = base_layout(
        margin={"l": 34 + 7 * max(map(len, labels)), "r": 12, "t": 12, "b": 62},
        xaxis=_axis("taken for", names, _columns(names, rows, by_class), rows, by_class)
        | {"range": [-0.5, last + 0.5], "tickangle": 0},
        yaxis=_axis("true class", names, labels, rows, by_class) | {"range": [last + 0.5, -0.5]},
    )
    height = max(HEIGHT, 76 + ROW_HEIGHT * len(names)) if are_all_named else _MANY_CLASSES_HEIGHT
    groups = rows.groups if by_class else _GROUPS
    sentence = _read_difference(points, names, () if rows.are_level else groups, epochs)
    alt = (
        "Heat map of the difference of two confusion matrices on the test set, head to tail. "
        f"{sentence} Right: {_listed_points(names, np.diagonal(points))}."
    )
    return Drawing(DIFFERENCE_QUESTION, sentence, alt, [heat], layout, height)


def _read_difference(
    points: NDArray[np.float64],
    names: Sequence[str],
    groups: Sequence[str],
    epochs: tuple[int, int],
) -> str:
    right = np.diagonal(points)
    when = f"epoch {epochs[0]}" if epochs[0] == epochs[1] else f"epochs {epochs[0]} and {epochs[1]}"
    sentence = f"At {when}, compared with A, B gets {_read_right(right, groups)}"
    wrong = points - np.diag(right)
    true, seen = divmod(int(np.abs(wrong).argmax()), len(points))
    if abs(wrong[true, seen]) < 0.5:
        return sentence
    return (
        f"{sentence} Largest change of an error: {names[true]} taken for {names[seen]}, "
        f"{signed(wrong[true, seen])} points."
    )


def _read_right(right: NDArray[np.float64], groups: Sequence[str]) -> str:
    """Return the points of the test images that B gets right and A does not, by group if any."""
    if not groups:
        return f"{signed(right.mean())} points of the test images right."
    few, many = (
        signed(right[[member == group for member in groups]].mean()) for group in ("few", "many")
    )
    return f"{few} points of the few-class test images right and {many} of the many-class ones."


def _listed_points(names: list[str], points: NDArray[np.float64]) -> str:
    return ", ".join(f"{name} {signed(p)}" for name, p in zip(names, points, strict=True))


def _grouped(counts: NDArray[np.integer[Any]], started: RunStarted) -> NDArray[np.integer[Any]]:
    """Return test images by group: [C, C] -> [3, 3], rows true, columns predicted."""
    groups = shot_groups(started.class_counts)
    return np.array([[counts[np.ix_(true, seen)].sum() for seen in groups] for true in groups])


def _heat(
    counts: NDArray[np.integer[Any]],
    shares: NDArray[np.float64],
    names: list[str],
    *,
    is_written: bool,
) -> dict[str, Any]:
    in_percent = np.round(100 * shares, 1).tolist()
    heat: dict[str, Any] = {
        "type": "heatmap",
        "uid": "confusion",
        "x": names,
        "y": names,
        "z": in_percent if is_written else packed(np.round(100 * shares).astype(np.uint8)),
        "customdata": counts.tolist(),
        "zmin": 0,
        "zmax": 100,
        "colorscale": _COLOURS,
        "colorbar": {
            "title": {"text": "% of row", "font": {"size": FONT_SIZE}},
            "thickness": 14,
            "tickvals": [0, 10, 25, 50, 75, 100],
        },
        "hovertemplate": "true %{y}, taken for %{x}<br>%{customdata} test images, %{z} % of "
        "the row<extra></extra>",
    }
    if is_written:
        # Plotly picks black or white by the colour beneath.
        heat |= {
            "xgap": 1,
            "ygap": 1,
            "text": [[f"{s:.0f}" if s >= 0.5 else "" for s in row] for row in in_percent],
            "texttemplate": "%{text}",
            "textfont": {"size": FONT_SIZE, "weight": "bold"},
        }
    return heat


def _axis(
    title: str, names: list[str], labels: list[str], rows: Rows, by_class: bool
) -> dict[str, Any]:
    """Return an axis of classes; if there are many, only each group's first has a label."""
    at = names
    if len(labels) < len(names):
        at = [names[rows.groups.index(group)] for group in _GROUPS]
    counted = " (training images)" if by_class and title != "taken for" else ""
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": names,
        "title": {"text": title + counted, "standoff": 8},
        "tickmode": "array",
        "tickvals": at,
        "ticktext": labels,
        "showgrid": False,
        "zeroline": False,
    }


def _columns(names: list[str], rows: Rows, by_class: bool) -> list[str]:
    """Return labels for the columns: without counts, which would not fit."""
    if by_class and not rows.are_named:
        return list(_GROUPS)
    return [
        name if len(name) <= _MAX_LABEL_LENGTH else f"{name[: _MAX_LABEL_LENGTH - 1]}…"
        for name in names
    ]


def _borders(rows: Rows) -> list[dict[str, Any]]:
    """Return lines between many, medium and few, along both axes."""
    places = [rows.groups.index(group) - 0.5 for group in _GROUPS[1:]]
    line = {"type": "line", "line": {"color": "#FFFFFF", "width": 2}}
    across = [line | {"yref": "paper", "y0": 0, "y1": 1, "x0": at, "x1": at} for at in places]
    along = [line | {"xref": "paper", "x0": 0, "x1": 1, "y0": at, "y1": at} for at in places]
    return across + along


def _read(counts: NDArray[np.integer[Any]], rows: Rows, started: RunStarted, epoch: int) -> str:
    sentence = f"At epoch {epoch} {_read_groups(counts, started)}"
    wrong = counts - np.diag(np.diagonal(counts))
    if not wrong.any():
        return f"{sentence} No image is taken for another class."
    true, seen = divmod(int(wrong.argmax()), len(counts))
    names = started.class_names
    return (
        f"{sentence} Most frequent error: {names[true]} taken for {names[seen]}, "
        f"{wrong[true, seen]:,} of {counts[true].sum():,}."
    )


def _read_groups(counts: NDArray[np.integer[Any]], started: RunStarted) -> str:
    """Return how much of the few-shot and the many-shot classes is taken for the other."""
    if are_level(started.class_counts):
        right = np.trace(counts) / max(int(counts.sum()), 1)
        return f"{percent(float(right))} of the test images are right."
    groups = shot_groups(started.class_counts)
    few = counts[list(groups.few)]
    total = max(int(few.sum()), 1)
    right = sum(int(counts[label, label]) for label in groups.few) / total
    as_many = int(few[:, list(groups.many)].sum()) / total
    many = counts[list(groups.many)]
    as_few = int(many[:, list(groups.few)].sum()) / max(int(many.sum()), 1)
    return (
        f"{percent(right)} of the few-class test images are right and {percent(as_many)} are taken "
        f"for a many class; of the many-class ones {percent(as_few)} are taken for a few class."
    )


def _listed(names: list[str], shares: NDArray[np.float64]) -> str:
    return ", ".join(f"{name} {percent(s)}" for name, s in zip(names, shares, strict=True))
