"""Does it help? KD and BiKD over seeds, without and with class biases."""

from __future__ import annotations

from app.figures.drawing import KIND_COLOURS, THEME_TEXT, Drawing, base_layout, percent
from bikd_core.toy.tables import Biases, Mean

NAMES = {"kd": "KD", "bikd": "BiKD"}
QUESTION = "How much is BiKD, and how much is balance?"
_HEIGHT = 340  # px


def gain(table: Biases) -> Drawing:
    """Return the balanced accuracy of each method with its 95 % interval."""
    rows = [
        (NAMES[method] + words, means[method], colour)
        for method in NAMES
        for words, means, colour in (
            ("", table.without, THEME_TEXT),
            (" + class biases", table.fitted, KIND_COLOURS["soft"]),
        )
    ]
    data = [_dot(row, *each) for row, each in enumerate(rows)]
    lowest = min(mean.low for _, mean, _ in rows)
    highest = max(mean.high for _, mean, _ in rows)
    layout = base_layout(
        margin={"l": 150, "r": 60, "t": 12, "b": 52},
        xaxis={
            "title": {"text": "balanced test accuracy (%)"},
            "range": [100 * lowest - 3, 100 * highest + 3],
            "zeroline": False,
        },
        yaxis={
            "range": [-len(rows) + 0.4, 0.6],
            "tickmode": "array",
            "tickvals": [-row for row in range(len(rows))],
            "ticktext": [name for name, _, _ in rows],
            "zeroline": False,
        },
    )
    listed = ", ".join(f"{name} {percent(mean.mean)}" for name, mean, _ in rows)
    sentence = f"Means of {len(table.seeds)} seeds with 95 % intervals: {listed}."
    return Drawing(QUESTION, sentence, f"Dots with intervals. {sentence}", data, layout, _HEIGHT)


def _dot(row: int, name: str, mean: Mean, colour: str) -> dict[str, object]:
    value = round(100 * mean.mean, 1)
    return {
        "type": "scatter",
        "uid": f"row-{row}",
        "name": name,
        "mode": "markers+text",
        "x": [value],
        "y": [-row],
        "text": [f"{value:.1f}"],
        "textposition": "top center",
        "marker": {"size": 13, "color": colour},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [round(100 * (mean.high - mean.mean), 1)],
            "arrayminus": [round(100 * (mean.mean - mean.low), 1)],
            "thickness": 3,
            "width": 6,
            "color": colour,
        },
        "hovertemplate": f"{name}: %{{x}} %<extra></extra>",
    }
