"""The form of every figure (a question, a plot, a sentence that answers it) and its style."""

from __future__ import annotations

import base64
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Group = Literal["many", "medium", "few"]
Kind = Literal["hard", "soft"]

# Okabe and Ito's colours and a grey. The theme's own colours (text, grid) are added by the live
# plot's JavaScript, so that one figure serves the light and the dark page.
# Medium is grey: orange is near the colour of the hard loss, which stands on the same page.
GROUP_COLOURS: dict[str, str] = {"many": "#009E73", "medium": "#808080", "few": "#CC79A7"}
GROUP_DASHES: dict[str, str] = {"many": "solid", "medium": "dash", "few": "dot"}
KIND_COLOURS: dict[str, str] = {"hard": "#D55E00", "soft": "#0072B2"}
THEME_TEXT = "theme:text"  # replaced by the theme's text colour where the figure is drawn
THEME_BACKGROUND = "theme:background"
#: Okabe and Ito's colours, with a symbol each: never told apart by colour alone.
_STYLES = (
    ("#0072B2", "circle"),
    ("#D55E00", "square"),
    ("#009E73", "diamond"),
    ("#CC79A7", "triangle-up"),
    ("#E69F00", "triangle-down"),
    ("#56B4E9", "cross"),
    (THEME_TEXT, "x"),
)
_DASHES = ("solid", "dash", "dot")  # of the first seven lines, the next seven, and the rest
FONT_SIZE = 14  # px: readable from the back row
ROW_HEIGHT = 31  # px for one class
HEIGHT = 334  # px of a figure over epochs
PERCENT_RANGE = [-4, 101]  # of an axis beside which names stand: a mark at 0 does not hide them
MAX_CLASSES_SHOWN = 20  # beyond, classes are drawn as groups, or without their names


class Drawing(NamedTuple):
    """One complete figure of plain JSON values. Without traces it is empty and says why."""

    title: str  # the question it answers
    sentence: str  # the answer, computed; for an empty one: why there is none
    alt: str  # the alt text: what is drawn, with the current numbers
    data: list[dict[str, Any]]
    layout: dict[str, Any]
    height: int  # px of the plot, without the words around it


def empty(title: str, why: str, height: int = HEIGHT) -> Drawing:
    """Return an empty figure that takes the same space and says why it cannot be drawn."""
    return Drawing(title, why, f"{title} {why}", [], {}, height)


def base_layout(**more: Any) -> dict[str, Any]:
    """Return the layout that all figures share, with `more` on top."""
    return {
        "font": {"size": FONT_SIZE},
        "margin": {"l": 62, "r": 108, "t": 12, "b": 52},
        "showlegend": False,
        "dragmode": "zoom",
    } | more


def style_of(number: int) -> tuple[str, str, str]:
    """Return colour, symbol and dash of the line with a number, counted from 0."""
    colour, symbol = _STYLES[number % len(_STYLES)]
    return colour, symbol, _DASHES[min(number // len(_STYLES), len(_DASHES) - 1)]


def epoch_axis(planned: int) -> dict[str, Any]:
    """Return the x axis over a run: fixed from the start, so that nothing moves in training."""
    return {
        "title": {"text": "epoch"},
        "range": [0, planned + max(0.3, planned * 0.02)],
        "rangemode": "nonnegative",
        "zeroline": False,
        "tickformat": "d",
        "nticks": 8,
        "unifiedhovertitle": {"text": "epoch %{x}"},
    }


def epoch_marker(epoch: int) -> dict[str, Any]:
    """Return a vertical line at an epoch."""
    return {
        "type": "line",
        "x0": epoch,
        "x1": epoch,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": THEME_TEXT, "width": 1.5, "dash": "dot"},
    }


def spread(values: list[float], gap: float) -> list[float]:
    """Return positions as near to `values` as possible, at least `gap` apart, in their order.

    For labels beside line ends, which would overlap where lines end together.
    """
    order = sorted(range(len(values)), key=lambda i: values[i])
    blocks: list[tuple[float, list[int]]] = []  # centre of a block of touching labels, members
    for i in order:
        blocks.append((values[i], [i]))
        while len(blocks) > 1 and _touch(blocks[-2], blocks[-1], gap):
            members = blocks[-2][1] + blocks[-1][1]
            blocks[-2:] = [(sum(values[k] for k in members) / len(members), members)]
    placed = [0.0] * len(values)
    for centre, members in blocks:
        for place, i in enumerate(members):
            placed[i] = centre + (place - (len(members) - 1) / 2) * gap
    return placed


def _touch(low: tuple[float, list[int]], high: tuple[float, list[int]], gap: float) -> bool:
    return high[0] - low[0] < gap * (len(low[1]) + len(high[1])) / 2


def end_labels(
    ends: dict[str, tuple[float, str]], pixels: int, span: float
) -> list[dict[str, Any]]:
    """Return labels in the right margin beside the line ends, each marked with its line's colour.

    Args:
        ends: Value and colour of each line's end, by label.
        pixels: Height of the plotted area.
        span: Length of the y axis, in the values' unit.
    """
    values = [value for value, _ in ends.values()]
    per_unit = pixels / span
    placed = spread(values, 18 / per_unit)
    return [
        {
            "text": label
            if colour == THEME_TEXT
            else f'<span style="color:{colour}">■</span> {label}',
            "x": 1,
            "xref": "paper",
            "xanchor": "left",
            "xshift": 6,
            "y": value,
            "yanchor": "middle",
            "yshift": round((place - value) * per_unit, 1),
            "showarrow": False,
            "font": {"color": THEME_TEXT, "size": FONT_SIZE},
        }
        for (label, (value, colour)), place in zip(ends.items(), placed, strict=True)
    ]


def packed(values: NDArray[np.integer[Any]]) -> dict[str, str]:
    """Return a matrix of small whole numbers as bytes for plotly.js: a third of the text's size.

    Args:
        values: [rows, columns].

    Raises:
        ValueError: They are not integers of one or two bytes.
    """
    if values.dtype.kind not in "iu" or values.dtype.itemsize > 2:
        raise ValueError(f"{values.dtype} is not one of int8, uint8, int16, uint16")
    ordered = values.astype(values.dtype.newbyteorder("<"), order="C")
    return {
        "dtype": f"{values.dtype.kind}{values.dtype.itemsize}",
        "bdata": base64.b64encode(ordered.tobytes()).decode("ascii"),
        "shape": ", ".join(map(str, values.shape)),
    }


def percent(fraction: float) -> str:
    """Return a fraction as text in percent, with one decimal."""
    return f"{100 * fraction:.1f} %"
