"""Balanced accuracy of every method with its interval, and that of many, medium and few."""

from __future__ import annotations

from typing import Any

from app.figures.classes import are_level
from app.figures.comparison.results import (
    BOTTOM,
    CALIBRATIONS,
    GROUPS_AT,
    MEAN_AT,
    ROW,
    SEEDS_AT,
    TOP,
    Results,
    error_bars,
    legend,
    plus_minus,
    row_axis,
    row_borders,
    row_names,
)
from app.figures.drawing import GROUP_COLOURS, THEME_TEXT, Drawing, base_layout, empty
from bikd_core.config import listed

_RANGE = [-2, 102]  # %: a whole marker fits at 0 and at 100
_LEGEND_LINE = 22  # px
_OTHER_SYMBOLS = {"none": "diamond-open", "class_biases": "star"}
_SYMBOLS = {"many": "triangle-up", "medium": "square", "few": "triangle-down"}


WHO_WINS_QUESTION = "Who wins, and for whom?"


def who_wins(results: Results) -> Drawing:
    """Return rows of methods, best mean first: mean, interval, single seeds, class groups."""
    lines = results.lines
    if not lines:
        return empty(WHO_WINS_QUESTION, "Here as soon as the first run is finished.")
    names = [line.label for line in lines]
    balanced = [line.values["accuracy"] for line in lines]
    others = [*filter(None, [_others(results, name) for name in CALIBRATIONS])]
    top = TOP + _LEGEND_LINE * len(others)
    layout = base_layout(
        margin={"l": 34, "r": 14, "t": top, "b": BOTTOM},
        showlegend=True,
        legend=legend(),
        xaxis={"title": {"text": "test accuracy (%)"}, "range": _RANGE, "zeroline": False},
        yaxis=row_axis(len(lines)),
        shapes=row_borders(len(lines)),
        annotations=row_names(names, [f"{plus_minus(value)} %" for value in balanced]),
    )
    groups = [_group(results, name) for name in _SYMBOLS]
    data = [_means(results), *others, _seeds(results), *groups]
    sentence = _read(results)
    alt = f"Dot chart of test accuracy of {len(lines)} methods, best first. {sentence} " + " ".join(
        _spelt(results, row) for row in range(len(lines))
    )
    return Drawing(WHO_WINS_QUESTION, sentence, alt, data, layout, top + BOTTOM + ROW * len(lines))


def _means(results: Results) -> dict[str, Any]:
    values = [line.values["accuracy"] for line in results.lines]
    return {
        "type": "scatter",
        "uid": "balanced",
        "name": "balanced, 95 %",
        "mode": "markers",
        "x": [round(100 * value.mean, 2) for value in values],
        "y": [MEAN_AT - row for row in range(len(values))],
        "error_x": error_bars(values, color=THEME_TEXT, thickness=3, width=7),
        "text": [
            f"{line.label}: {plus_minus(line.values['accuracy'])} % balanced"
            for line in results.lines
        ],
        "marker": {"symbol": "diamond", "size": 12, "color": THEME_TEXT},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _others(results: Results, calibration: str) -> dict[str, Any] | None:
    """Return the balanced accuracy that does not count in the rows that count the other one."""
    rows = [
        (row, line, line.by_calibration[calibration])
        for row, line in enumerate(results.lines)
        if calibration in line.by_calibration
        and results.calibrations.get(line.method, "none") != calibration
    ]
    if not rows:
        return None
    return {
        "type": "scatter",
        "uid": f"calibration-{calibration}",
        "name": CALIBRATIONS[calibration],
        "mode": "markers",
        "x": [round(100 * value.mean, 2) for _, _, value in rows],
        "y": [MEAN_AT - row for row, _, _ in rows],
        "text": [
            f"{line.label}: {plus_minus(value)} % balanced {CALIBRATIONS[calibration]}"
            for _, line, value in rows
        ],
        "marker": {
            "symbol": _OTHER_SYMBOLS[calibration],
            "size": 12,
            "color": THEME_TEXT,
            "line": {"width": 1.5, "color": THEME_TEXT},
        },
        "hovertemplate": "%{text}<extra></extra>",
    }


def _seeds(results: Results) -> dict[str, Any]:
    """Return a dot for each run, which carries the run's id."""
    dots = [
        (row, seed, epoch, results.run_ids[line.method][seed])
        for row, line in enumerate(results.lines)
        for seed, epoch in sorted(results.epochs[line.method].items())
    ]
    return {
        "type": "scatter",
        "uid": "seeds",
        "name": "single seeds",
        "mode": "markers",
        "x": [round(100 * epoch.accuracy, 2) for _, _, epoch, _ in dots],
        "y": [SEEDS_AT - row for row, *_ in dots],
        "customdata": [run_id for *_, run_id in dots],
        "text": [
            f"{results.lines[row].label}, seed {seed}: {100 * epoch.accuracy:.1f} %"
            "<br>click: open the run in the Lab"
            for row, seed, epoch, _ in dots
        ],
        "marker": {"symbol": "circle-open", "size": 9, "color": THEME_TEXT, "line": {"width": 2}},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _group(results: Results, group: str) -> dict[str, Any]:
    values = [line.values[f"accuracy_{group}"] for line in results.lines]
    return {
        "type": "scatter",
        "uid": group,
        "name": group,
        "mode": "markers",
        "x": [round(100 * value.mean, 2) for value in values],
        "y": [GROUPS_AT - row for row in range(len(values))],
        "error_x": error_bars(values, color=GROUP_COLOURS[group]),
        "text": [
            f"{line.label}: {plus_minus(line.values[f'accuracy_{group}'])} % {group}"
            for line in results.lines
        ],
        "marker": {"symbol": _SYMBOLS[group], "size": 10, "color": GROUP_COLOURS[group]},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _read(results: Results) -> str:
    """Return who has the highest mean, overall and on the tail; that is not yet a claim."""
    best = results.lines[0]
    rank = "Highest mean" if len(results.lines) > 1 else "So far"
    sentence = (
        f"{rank}: {best.label}, {plus_minus(best.values['accuracy'])} % balanced "
        f"({_seeds_of(len(best.seeds))})"
    )
    if len(results.lines) == 1:
        sentence += f", {plus_minus(best.values['accuracy_few'])} % on the few-shot classes."
    elif are_level(results.class_counts):
        sentence += "; all classes are equally large."
    else:
        sentence += f"; on the few-shot classes {_best_of_tail(results)}."
    alone = [line.label for line in results.lines if len(line.seeds) == 1]
    if alone:
        sentence += f" One seed alone has no interval: {', '.join(alone)}."
    return sentence


def _best_of_tail(results: Results) -> str:
    """Return who is best on the few-shot classes; methods equal to a tenth of a percent tie."""
    tenths = [round(1000 * line.values["accuracy_few"].mean) for line in results.lines]
    level = [line for line, of in zip(results.lines, tenths, strict=True) if of == max(tenths)]
    if len(level) > 1:
        names = "all" if len(level) == len(tenths) else listed([line.label for line in level])
        return f"{names} are level at {max(tenths) / 10:.1f} %"
    few = f"{plus_minus(level[0].values['accuracy_few'])} %"
    is_best = level[0] is results.lines[0]
    return f"it is the best there too, {few}" if is_best else f"{level[0].label}, {few}"


def _seeds_of(number: int) -> str:
    return f"{number} seed" if number == 1 else f"{number} seeds"


def _spelt(results: Results, row: int) -> str:
    line = results.lines[row]
    groups = ", ".join(
        f"{group} {plus_minus(line.values[f'accuracy_{group}'])}" for group in _SYMBOLS
    )
    others = "".join(
        f"; {CALIBRATIONS[name]} {plus_minus(value)}"
        for name, value in line.by_calibration.items()
        if name != results.calibrations.get(line.method, "none")
    )
    return f"{line.label}: {plus_minus(line.values['accuracy'])}; {groups}{others}."
