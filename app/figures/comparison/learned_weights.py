"""What learned weights add to each objective: BiKD over it minus itself, paired by seed."""

from __future__ import annotations

from typing import Any

from app.figures.comparison.results import (
    BETTER,
    BOTTOM,
    GROUPS_AT,
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
from app.figures.drawing import GROUP_COLOURS, THEME_TEXT, Drawing, base_layout, empty
from bikd_core.studies import Gain
from bikd_core.studies.learned_weights import verdict

#: A claim's words, colour and symbol: never told apart by colour alone.
_CLAIMS = {
    "adds": ("balanced: gain", BETTER, "triangle-right"),
    "takes": ("balanced: loss", WORSE, "triangle-left"),
    "undecided": ("balanced: no claim", THEME_TEXT, "circle-open"),
}

LEARNED_WEIGHTS_QUESTION = "What do learned weights add?"


def learned_weights(results: Results) -> Drawing:
    """Return rows of objectives: the gain by relative weights, its interval, each seed's gain."""
    gains = [gain for gain in results.gains if gain.differences]
    sentence = verdict(results.gains)
    if not gains:
        return empty(LEARNED_WEIGHTS_QUESTION, sentence)
    dots = _by_seed(results, gains)
    few = [gain.differences["accuracy_few"] for gain in gains]
    data = [
        seed_dots(dots, "balanced, single seeds"),
        *(_balanced(gains, claim) for claim in _CLAIMS),
        _few(gains),
    ]
    reach = [x for x, *_ in dots]
    shown = [*few, *(gain.differences["accuracy"] for gain in gains)]
    reach += [100 * end for value in shown for end in value if end is not None]
    layout = base_layout(
        margin={"l": 34, "r": 14, "t": TOP, "b": BOTTOM},
        showlegend=True,
        legend=legend(),
        xaxis=difference_axis("BiKD over it − the objective itself (points)", reach),
        yaxis=row_axis(len(gains), "objective"),
        shapes=row_borders(len(gains)),
        annotations=row_names(
            [gain.label for gain in gains],
            [plus_minus(gain.differences["accuracy"], is_difference=True) for gain in gains],
        ),
    )
    spelt = " ".join(
        f"{gain.label}: {plus_minus(gain.differences['accuracy'], is_difference=True)} balanced, "
        f"{plus_minus(gain.differences['accuracy_few'], is_difference=True)} few."
        for gain in gains
    )
    alt = f"Dot chart of gains in test accuracy by learned weights, in points. {sentence} {spelt}"
    height = TOP + BOTTOM + ROW * len(gains)
    return Drawing(LEARNED_WEIGHTS_QUESTION, sentence, alt, data, layout, height)


def _by_seed(results: Results, gains: list[Gain]) -> list[tuple[float, float, str]]:
    """Return (points, height, words) of each seed that an objective and BiKD over it share."""
    found = []
    for row, gain in enumerate(gains):
        own, weighted = results.epochs[gain.objective], results.epochs[gain.weighted]
        for seed in gain.seeds:
            points = round(100 * (weighted[seed].accuracy - own[seed].accuracy), 2)
            found.append((points, SEEDS_AT - row, f"{gain.label}, seed {seed}"))
    return found


def _balanced(gains: list[Gain], claim: str) -> dict[str, Any]:
    rows = [row for row, gain in enumerate(gains) if gain.claim("accuracy") == claim]
    name, colour, symbol = _CLAIMS[claim]
    trace = _means(gains, rows, "accuracy", MEAN_AT, colour)
    trace["marker"] = {"symbol": symbol, "size": 13, "color": colour, "line": {"width": 2}}
    return trace | {"uid": claim, "name": name, "showlegend": bool(rows)}


def _few(gains: list[Gain]) -> dict[str, Any]:
    colour = GROUP_COLOURS["few"]
    trace = _means(gains, list(range(len(gains))), "accuracy_few", GROUPS_AT, colour)
    trace["marker"] = {"symbol": "triangle-down", "size": 10, "color": colour}
    return trace | {"uid": "few", "name": "few"}


def _means(
    gains: list[Gain], rows: list[int], metric: str, height: float, colour: str
) -> dict[str, Any]:
    """Return the means of some rows with their intervals."""
    values = [gains[row].differences[metric] for row in rows]
    words = "few" if metric == "accuracy_few" else "balanced"
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [round(100 * value.mean, 2) for value in values],
        "y": [height - row for row in rows],
        "error_x": error_bars(values, color=colour, thickness=3, width=7),
        "text": [
            f"{gains[row].label}: {plus_minus(value, is_difference=True)} points {words}"
            for row, value in zip(rows, values, strict=True)
        ],
        "hovertemplate": "%{text}<extra></extra>",
    }
