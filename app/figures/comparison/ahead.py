"""Each method's lead over the reference, paired by seed, with its interval."""

from __future__ import annotations

from typing import Any

from app.figures.comparison.results import (
    BETTER,
    BOTTOM,
    MEAN_AT,
    ROW,
    SEEDS_AT,
    TOP,
    WORSE,
    Results,
    difference_axis,
    error_bars,
    legend,
    plus_minus,
    row_axis,
    row_borders,
    row_names,
    seed_dots,
)
from app.figures.drawing import THEME_TEXT, Drawing, base_layout, empty
from bikd_core.config import listed
from bikd_core.studies import Line
from bikd_core.studies.significance import SIGNIFICANCE, correction, power_sentence

#: A claim's name, colour and symbol: never told apart by colour alone.
_CLAIMS = {
    "ahead": (BETTER, "triangle-right"),
    "behind": (WORSE, "triangle-left"),
    "undecided": (THEME_TEXT, "circle-open"),
}


def claim(line: Line) -> str:
    """Return what the test of a method's lead allows one to claim: ahead, behind, undecided."""
    if line.test is None or not line.test.is_claim:
        return "undecided"
    return "ahead" if line.lead["accuracy"].mean > 0 else "behind"


DIFFERENCES_QUESTION = "Whose lead is more than chance?"


def differences(results: Results) -> Drawing:
    """Return rows of methods: the lead over the reference, its interval, and each seed's lead."""
    lines = [line for line in results.lines if line.lead]
    if not lines:
        why = f"Here as soon as {results.reference_name} and another method have finished one seed."
        return empty(DIFFERENCES_QUESTION, why)
    leads = [line.lead["accuracy"] for line in lines]
    dots = _by_seed(results, lines)
    data = [seed_dots(dots, "single seeds"), *(_means(results, lines, name) for name in _CLAIMS)]
    reach = [x for x, *_ in dots]
    reach += [100 * end for lead in leads for end in (lead.low, lead.high) if end is not None]
    layout = base_layout(
        margin={"l": 34, "r": 14, "t": TOP, "b": BOTTOM},
        showlegend=True,
        legend=legend(),
        xaxis=difference_axis(f"balanced accuracy − {results.reference_name}'s (points)", reach),
        yaxis=row_axis(len(lines)),
        shapes=row_borders(len(lines)),
        annotations=row_names(
            [line.label for line in lines],
            [plus_minus(lead, is_difference=True) for lead in leads],
        ),
    )
    sentence = _read(results, lines)
    alt = f"Dot chart of differences in balanced accuracy, in points. {sentence}"
    height = TOP + BOTTOM + ROW * len(lines)
    return Drawing(DIFFERENCES_QUESTION, sentence, alt, data, layout, height)


def _by_seed(results: Results, lines: list[Line]) -> list[tuple[float, float, str]]:
    """Return (points, height, words) of each seed that a method and the reference share."""
    base = results.epochs[results.reference]
    return [
        (
            round(100 * (epoch.accuracy - base[seed].accuracy), 2),
            SEEDS_AT - row,
            f"{line.label}, seed {seed}",
        )
        for row, line in enumerate(lines)
        for seed, epoch in sorted(results.epochs[line.method].items())
        if seed in base
    ]


def _means(results: Results, lines: list[Line], name: str) -> dict[str, Any]:
    rows = [(row, line) for row, line in enumerate(lines) if claim(line) == name]
    leads = [line.lead["accuracy"] for _, line in rows]
    colour, symbol = _CLAIMS[name]
    return {
        "type": "scatter",
        "uid": name,
        "name": {"undecided": "no claim"}.get(name, name),
        "mode": "markers",
        "x": [round(100 * lead.mean, 2) for lead in leads],
        "y": [MEAN_AT - row for row, _ in rows],
        "error_x": error_bars(leads, color=colour, thickness=3, width=7),
        "text": [
            f"{line.label}: {plus_minus(line.lead['accuracy'], is_difference=True)} points"
            for _, line in rows
        ],
        "marker": {"symbol": symbol, "size": 13, "color": colour, "line": {"width": 2}},
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": bool(rows),
    }


def _read(results: Results, lines: list[Line]) -> str:
    """Return in words which claims are allowed, and about which methods none is."""
    said = {name: [line for line in lines if claim(line) == name] for name in _CLAIMS}
    parts = []
    for name, words in (("ahead", "Ahead of"), ("behind", "Behind")):
        if said[name]:
            named = [
                f"{line.label} ({plus_minus(line.lead['accuracy'], is_difference=True)})"
                for line in said[name]
            ]
            parts.append(f"{words} {results.reference_name}: {listed(named)}.")
    if said["undecided"]:
        alone = [line for line in said["undecided"] if line.lead["accuracy"].low is None]
        named = [line.label for line in said["undecided"] if line not in alone]
        if named:
            tests = [line.test for line in lines if line.test is not None]
            parts.append(
                f"No claim about {listed(named)}: p ≥ {SIGNIFICANCE:g}{correction(tests)}."
            )
            open_tests = [line.test for line in said["undecided"] if line.test is not None]
            parts += filter(None, [power_sentence(open_tests)])
        if alone:
            parts.append(
                f"One common seed has no interval, so no claim about "
                f"{listed([line.label for line in alone])}."
            )
    return " ".join(parts)
