"""On which classes each method is better or worse than the reference."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import numpy as np

from app.figures.classes import Rows, rows_of
from app.figures.comparison.results import NAME_AT, Results, row_axis, row_names
from app.figures.confusion import DIFFERENCE_COLOURS
from app.figures.drawing import FONT_SIZE, Drawing, base_layout, empty
from bikd_core.config import signed
from bikd_core.studies import Interval, Line

_CELLS_TOP = 2 * NAME_AT - 0.5  # of a row's cells, so that its name is in the middle above
_LARGEST = 40  # points; beyond, the colour stays the same
_ROW = 52  # px for a method: its name, and its cells under it


CLASS_DIFFERENCES_QUESTION = "Which classes gain, which lose?"


def class_differences(results: Results) -> Drawing:
    """Return points over the reference: a row for each method, a column for each class."""
    lines = [line for line in results.lines if line.lead]
    if not lines:
        why = f"Here as soon as {results.reference_name} and another method have finished one seed."
        return empty(CLASS_DIFFERENCES_QUESTION, why)
    rows = rows_of(results.class_names, results.class_counts)
    table = [[line.per_class_lead[label] for label in rows.labels] for line in lines]
    means = [[100 * cell.mean for cell in cells] for cells in table]
    last = len(rows.labels) - 1
    layout = base_layout(
        margin={"l": 34, "r": 12, "t": 12, "b": 78},
        xaxis=_class_axis(rows) | {"range": [-0.5, last + 0.5]},
        yaxis=row_axis(len(lines)),
        annotations=row_names([line.label for line in lines], []),
    )
    sentence = _read(results, lines, table, rows)
    spelt = " ".join(
        f"{line.label}: "
        + ", ".join(f"{name} {signed(p)}" for name, p in zip(rows.names, points, strict=True))
        + "."
        for line, points in zip(lines, means, strict=True)
    )
    alt = (
        f"Heat map of differences in test accuracy by class, head to tail, in points. {sentence} "
        f"{spelt}"
    )
    heat = _heat(results, lines, table, rows)
    height = 90 + _ROW * len(lines)
    return Drawing(CLASS_DIFFERENCES_QUESTION, sentence, alt, [heat], layout, height)


def _class_axis(rows: Rows) -> dict[str, Any]:
    starts = [rows.groups.index(group) for group in ("many", "medium", "few")]
    ticks = [label.replace(" (", "<br>(") for label in rows.tick_labels]
    return {
        "tickmode": "array",
        "tickvals": list(range(len(rows.labels))) if rows.are_named else starts,
        "ticktext": ticks,
        "tickangle": 0,
        "title": {"text": "class, head → tail (training images)", "standoff": 8},
        "showgrid": False,
        "zeroline": False,
    }


def _heat(
    results: Results, lines: list[Line], table: list[list[Interval]], rows: Rows
) -> dict[str, Any]:
    points = np.array([[100 * cell.mean for cell in cells] for cells in table])
    heat = {
        "type": "heatmap",
        "uid": "class-differences",
        "x": list(range(len(rows.labels))),
        # Edges from the top: a row's name has the place above its cells.
        "y": [edge - row for row in range(len(lines)) for edge in (0.5, _CELLS_TOP)]
        + [0.5 - len(lines)],
        "z": _with_gaps(np.round(points, 1).tolist()),
        "zmin": -_LARGEST,
        "zmax": _LARGEST,
        "colorscale": DIFFERENCE_COLOURS,
        "showscale": False,
        "xgap": 1,
        "ygap": 2,
        "hoverongaps": False,
        "customdata": _with_gaps(
            [
                [
                    f"{line.label}, {name} ({count:,} images)<br>{_in_words(cell)}"
                    for name, count, cell in zip(rows.names, rows.counts, cells, strict=True)
                ]
                for line, cells in zip(lines, table, strict=True)
            ]
        ),
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    if rows.are_named:
        heat |= {
            "text": _with_gaps([[_number(cell) for cell in cells] for cells in table], ""),
            "texttemplate": "%{text}",
            "textfont": {"size": FONT_SIZE},
        }
    return heat


def _with_gaps(rows: list[list[Any]], nothing: Any = None) -> list[list[Any]]:
    """Return the rows with an empty one above each."""
    return [line for row in rows for line in ([nothing] * len(row), row)]


def _number(cell: Interval) -> str:
    """Return the number of a cell; bold where the interval excludes 0."""
    text = signed(100 * cell.mean, 0)
    return f"<b>{text}</b>" if cell.excludes_zero else text


def _in_words(cell: Interval) -> str:
    if cell.low is None or cell.high is None:
        return f"{signed(100 * cell.mean)} points (one seed)"
    return (
        f"{signed(100 * cell.mean)} points, 95 %: {signed(100 * cell.low)} to "
        f"{signed(100 * cell.high)}"
    )


def _by_group(cells: list[Interval], rows: Rows) -> str:
    """Return the mean points on few-shot and on many-shot classes, or on all if none is larger."""
    if rows.are_level:
        points = signed(100 * fmean(cell.mean for cell in cells))
        return f"{points} points over all classes, which are equally large"
    tail, head = (
        fmean(cell.mean for cell, of in zip(cells, rows.groups, strict=True) if of == group)
        for group in ("few", "many")
    )
    return (
        f"{signed(100 * tail)} points on the few-shot classes, {signed(100 * head)} on the "
        "many-shot ones"
    )


def _read(results: Results, lines: list[Line], table: list[list[Interval]], rows: Rows) -> str:
    """Return what the best method changes for the head and for the tail."""
    line, cells = lines[0], table[0]
    sure = sum(cell.excludes_zero for cell in cells)
    sentence = f"{line.label} against {results.reference_name}: {_by_group(cells, rows)}; "
    if cells[0].low is None:
        return f"{sentence}one common seed has no interval, so nothing is claimed of a class."
    if not sure:
        return f"{sentence}every class's interval includes 0."
    sentence += f"the interval excludes 0 for {sure} of {len(cells)} classes"
    return f"{sentence}{', in bold' * rows.are_named}, not corrected for their number."
