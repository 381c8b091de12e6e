"""The figure of an answer: each objective and BiKD over it, without and with class biases."""

from __future__ import annotations

from collections.abc import Sequence

from app.figures.comparison.results import (
    BETTER,
    BOTTOM,
    ROW,
    TOP,
    error_bars,
    legend,
    row_axis,
    row_borders,
    row_names,
)
from app.figures.drawing import THEME_TEXT, Drawing, base_layout
from bikd_core.answer.summary import Line, Summary, verdicts
from bikd_core.studies.answer import in_percent

QUESTION = "Tuned alike, does a learned weight for each picture help?"
_AT = {False: 0.01, True: -0.29}  # in rows above the row's line: the objective, BiKD over it
_BESIDE = 0.07  # between the marks without and with class biases


def answer(summary: Summary) -> Drawing:
    """Return a row for each objective, with up to four accuracies and their intervals."""
    lines = summary.first.lines
    rows = list(dict.fromkeys(line.objective for line in lines))  # by the best of each
    sentence = " ".join(verdicts(summary))
    data = [
        _marks([line for line in lines if (line.is_weighted, line.has_biases) == kind], rows, kind)
        for kind in ((False, False), (False, True), (True, False), (True, True))
    ]
    best = {name: next(line for line in lines if line.objective == name) for name in rows}
    layout = base_layout(
        margin={"l": 34, "r": 14, "t": TOP, "b": BOTTOM},
        showlegend=True,
        legend=legend(),
        xaxis={"title": {"text": "balanced test accuracy (%), 95 % interval"}, "zeroline": False},
        yaxis=row_axis(len(rows), "objective, best first"),
        shapes=row_borders(len(rows)),
        annotations=row_names(rows, [f"{100 * best[name].balanced:.1f}" for name in rows]),
    )
    spelt = " ".join(f"{line.title}: {in_percent(line.interval)} %." for line in lines)
    alt = f"Dot chart of balanced test accuracy. {sentence} {spelt}"
    return Drawing(QUESTION, sentence, alt, data, layout, TOP + BOTTOM + ROW * len(rows))


def _marks(
    lines: Sequence[Line], rows: Sequence[str], kind: tuple[bool, bool]
) -> dict[str, object]:
    is_weighted, has_biases = kind
    colour = BETTER if is_weighted else THEME_TEXT
    shape = "diamond" if is_weighted else "circle"
    words = "BiKD over it" if is_weighted else "the objective itself"
    name = words + (", with class biases" if has_biases else "")
    beside = _BESIDE if has_biases else -_BESIDE
    return {
        "type": "scatter",
        "uid": name,
        "name": name,
        "mode": "markers",
        "x": [round(100 * line.balanced, 2) for line in lines],
        "y": [round(_AT[is_weighted] + beside - rows.index(line.objective), 3) for line in lines],
        "error_x": error_bars(
            [line.interval for line in lines], color=colour, thickness=2, width=4
        ),
        "marker": {
            "symbol": shape if has_biases else f"{shape}-open",
            "size": 11,
            "color": colour,
            "line": {"width": 2},
        },
        "text": [
            f"{line.title}: {in_percent(line.interval)} %<br>"
            f"few-shot classes {100 * line.few:.1f} %<br>"
            f"{line.num_seeds} splits, chosen from {line.num_trials} trials"
            for line in lines
        ],
        "hovertemplate": "%{text}<extra></extra>",
    }
