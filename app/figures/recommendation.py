"""The figure of a recommendation: what the chosen recipe gains over plain KD, for whom."""

from __future__ import annotations

from app.figures.comparison.results import (
    BETTER,
    BOTTOM,
    ROW,
    TOP,
    WORSE,
    difference_axis,
    error_bars,
    legend,
    plus_minus,
    row_axis,
    row_borders,
    row_names,
)
from app.figures.drawing import THEME_TEXT, Drawing, base_layout, empty
from bikd_core.recommend.gains import GROUPS
from bikd_core.recommend.record import Record
from bikd_core.studies import Interval

QUESTION = "What does it gain over plain KD, and for whom?"
#: Words, colour and symbol of a gain, a loss, and neither: never told apart by colour alone.
_CLAIMS = {
    1: ("gain", BETTER, "triangle-right"),
    -1: ("loss", WORSE, "triangle-left"),
    0: ("no difference found", THEME_TEXT, "circle-open"),
}


def recommendation(record: Record) -> Drawing:
    """Return a row for all classes and for many, medium and few: the gain with its interval."""
    if not record.is_done:
        return empty(QUESTION, "Here as soon as the test set has been looked at.")
    values = {
        name: Interval(group.gain, group.low, group.high)
        for name in GROUPS
        if (group := record.groups[name])
    }
    claims = {
        name: (1 if value.mean > 0 else -1) if value.excludes_zero else 0
        for name, value in values.items()
    }
    rows = list(GROUPS)
    data = []
    for claim, (words, colour, symbol) in _CLAIMS.items():
        own = [name for name in rows if claims[name] == claim]
        data.append(
            {
                "type": "scatter",
                "uid": words,
                "name": words,
                "mode": "markers",
                "showlegend": bool(own),
                "x": [round(100 * values[name].mean, 2) for name in own],
                "y": [-rows.index(name) for name in own],
                "error_x": error_bars(
                    [values[name] for name in own], color=colour, thickness=3, width=7
                ),
                "marker": {"symbol": symbol, "size": 13, "color": colour, "line": {"width": 2}},
                "text": [f"{name}: {_points(values[name])}" for name in own],
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    ends = [100 * end for value in values.values() for end in value if end is not None]
    layout = base_layout(
        margin={"l": 34, "r": 14, "t": TOP, "b": BOTTOM},
        showlegend=True,
        legend=legend(),
        xaxis=difference_axis("recommended recipe − plain KD, test accuracy (points)", ends),
        yaxis=row_axis(len(rows), ""),
        shapes=row_borders(len(rows)),
        annotations=row_names(rows, [_points(values[name]) for name in rows]),
    )
    sentence = (
        "Means over three seeds of one split; 95 % intervals of a bootstrap of test pictures and "
        "seeds."
    )
    alt = f"{sentence} " + " ".join(f"{name}: {_points(values[name])} points." for name in rows)
    return Drawing(QUESTION, sentence, alt, data, layout, TOP + BOTTOM + ROW * len(rows))


def _points(value: Interval) -> str:
    return plus_minus(Interval(value.mean, None, None), is_difference=True) + _ends(value)


def _ends(value: Interval) -> str:
    ends = [
        plus_minus(Interval(end, None, None), is_difference=True)
        for end in (value.low, value.high)
        if end is not None
    ]
    return f" ({' to '.join(ends)})"
