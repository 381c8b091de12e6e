"""What the teacher believes: of one picture, softened by a temperature, and of each class at large.

C classes in label order; figures show them head to tail.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.classes import Rows, class_axis, row_values
from app.figures.drawing import (
    GROUP_COLOURS,
    KIND_COLOURS,
    THEME_BACKGROUND,
    THEME_TEXT,
    Drawing,
    base_layout,
    percent,
)
from app.figures.step.step import legend_on_top
from bikd_core.config import signed
from bikd_core.toy.tables import Asked, Beliefs

_PICTURE_END = 0.24  # of the plot's width
_HARD = {"color": KIND_COLOURS["hard"]}
_SOFT = {"color": KIND_COLOURS["soft"]}


def softened(logits: Sequence[float], temperature: float) -> NDArray[np.float64]:
    """Return softmax(z/τ); (C,) -> (C,)."""
    scores = np.array(logits, dtype=np.float64) / temperature
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum())


def pulls(picture: Asked, temperature: float) -> NDArray[np.float64]:
    """Return where each loss pushes the student's scores: minus its gradient, (2, C).

    Rows are hard and soft: onehot(y) - softmax(z) and τ·(softmax(t/τ) - softmax(z/τ)), as in
    `bikd_core.losses`.
    """
    target = np.eye(len(picture.student))[picture.label]
    hard = target - softened(picture.student, 1)
    teacher, student = (
        softened(logits, temperature) for logits in (picture.teacher, picture.student)
    )
    return np.stack([hard, temperature * (teacher - student)])


BELIEF_QUESTION = "What does the teacher see in this picture?"


def belief(picture: Asked, rows: Rows, temperature: float, *, shows_label: bool = False) -> Drawing:
    """Return a picture, and bars of what the teacher takes it for.

    Args:
        picture: The picture.
        rows: The classes.
        temperature: What the teacher's scores are divided by.
        shows_label: Whether the label's answer is drawn beside the teacher's, as the other target.
    """
    shares = softened(picture.teacher, temperature)
    bars = [_bars(rows, 100 * shares, "the teacher's answer", _SOFT, "%{x:.1f} %")]
    if shows_label:
        target = 100.0 * (np.arange(len(shares)) == picture.label)
        bars = [_bars(rows, target, "the label's answer", _HARD, "%{x:.0f} %"), *bars]
    title = BELIEF_QUESTION
    if shows_label:
        title = "What does each loss ask for?"
    sentence = _read_belief(picture, rows, shares, temperature, shows_label=shows_label)
    listed = ", ".join(f"{name} {percent(shares[k])}" for k, name in _named(rows))
    layout = _beside_picture(
        rows,
        {"title": {"text": "probability (%)"}, "range": [0, 101], "zeroline": False},
        [f"{100 * shares[label]:.0f} %" for label in rows.labels],
    )
    alt = f"A small picture of a handwritten digit, and bars by class. {sentence} All: {listed}."
    return Drawing(title, sentence, alt, [_pixels(picture), *bars], layout, rows.height)


def _read_belief(
    picture: Asked,
    rows: Rows,
    shares: NDArray[np.float64],
    temperature: float,
    *,
    shows_label: bool,
) -> str:
    names = {label: name for label, name in zip(rows.labels, rows.names, strict=True)}
    best = int(shares.argmax())
    own = percent(shares[picture.label])
    seen = f"the teacher gives {own} to {names[picture.label]}"
    if best != picture.label:
        seen += f" and {percent(shares[best])} to {names[best]}"
    softly = f"At temperature {temperature:g} " if shows_label else ""
    label = f"Its label says {names[picture.label]}"
    if shows_label:
        return f"{label}, and nothing else. {softly}{seen}."
    return f"{label}; {seen}."


PULLS_QUESTION = "Where does each loss push the student's scores?"


def pull_of_losses(picture: Asked, rows: Rows, temperature: float) -> Drawing:
    """Return bars of how each loss would raise or lower the student's scores of a picture."""
    values = pulls(picture, temperature)
    bars = [
        _bars(rows, values[0], "the hard loss", _HARD, "%{x:+.2f}"),
        _bars(rows, values[1], "the soft loss", _SOFT, "%{x:+.2f}"),
    ]
    reach = 1.1 * max(1.0, float(np.abs(values).max()))
    layout = _beside_picture(
        rows,
        {
            "title": {"text": "push on the score (nats per unit)"},
            "range": [-reach, reach],
            "zeroline": True,
            "zerolinecolor": THEME_TEXT,
        },
        [],
    )
    raised = [rows.names[rows.labels.index(k)] for k in raised_by_soft(values, picture.label)]
    own = rows.names[rows.labels.index(picture.label)]
    also = f", and raises {' and '.join(raised)} as well" if raised else ""
    sentence = (
        f"At temperature {temperature:g} the hard loss pushes {own} by "
        f"{signed(values[0, picture.label], 2)} and all others down. The soft loss pushes {own} by "
        f"{signed(values[1, picture.label], 2)}{also}."
    )
    alt = f"Bars of the push of both losses by class, head to tail. {sentence}"
    return Drawing(PULLS_QUESTION, sentence, alt, [_pixels(picture), *bars], layout, rows.height)


def raised_by_soft(values: NDArray[np.float64], label: int) -> list[int]:
    """Return the classes besides the label that the soft loss raises by 0.05 and more, most first.

    Args:
        values: What `pulls` returns, (2, C).
        label: The picture's label.
    """
    order = np.argsort(-values[1])
    return [int(k) for k in order if k != label and values[1, k] >= 0.05]


MEAN_QUESTION = "How much of its belief does the teacher give to each class?"


def mean_belief(beliefs: Beliefs, rows: Rows) -> Drawing:
    """Return bars of the teacher's mean belief over balanced pictures, beside what is fair."""
    shares = np.array(beliefs.mean_belief)
    fair = 1 / len(shares)
    bars = _bars(rows, 100 * shares, "teacher", {}, "%{x:.1f} %")
    bars["marker"] = {"color": [GROUP_COLOURS[group] for group in rows.groups]}
    bars["width"] = 0.7
    line = {"type": "line", "x0": 100 * fair, "x1": 100 * fair, "yref": "paper", "y0": 0, "y1": 1}
    above = sum(1 for label in rows.labels if shares[label] > fair)
    layout = base_layout(
        margin={"l": rows.left_margin, "r": 60, "t": 34, "b": 52},
        xaxis={
            "title": {"text": "mean probability on the test pictures (%)"},
            "range": [0, math.ceil(100 * max(shares.max(), 1.4 * fair))],
            "zeroline": False,
        },
        yaxis=class_axis(rows),
        shapes=[line | {"line": {"color": THEME_TEXT, "width": 2, "dash": "dash"}}],
        annotations=[
            *row_values([f"{100 * shares[label]:.1f} %" for label in rows.labels], THEME_TEXT),
            {
                "text": f"fair: {100 * fair:.0f} %",
                "x": 100 * fair,
                "y": 1,
                "yref": "paper",
                "yanchor": "bottom",
                "showarrow": False,
                "font": {"color": THEME_TEXT},
            },
        ],
    )
    tail = rows.labels[-1]
    sentence = (
        f"{rows.names[-1]}, the rarest class, gets {percent(shares[tail])} where {percent(fair)} "
        f"would be fair; {above} of {len(shares)} classes get more than their share."
    )
    listed = ", ".join(f"{name} {percent(shares[k])}" for k, name in _named(rows))
    alt = (
        f"Bars of the teacher's mean probability of each class over {beliefs.num_pictures} test "
        f"pictures, equally many of each class, head to tail. {sentence} All: {listed}."
    )
    return Drawing(MEAN_QUESTION, sentence, alt, [bars], layout, rows.height)


def _named(rows: Rows) -> list[tuple[int, str]]:
    return list(zip(rows.labels, rows.names, strict=True))


def _bars(
    rows: Rows, values: NDArray[np.float64], name: str, marker: dict[str, Any], words: str
) -> dict[str, Any]:
    """Return a bar for each class, from values (C,) in label order."""
    return {
        "type": "bar",
        "uid": name.replace(" ", "-").replace("'", ""),
        "name": name,
        "orientation": "h",
        "x": [round(float(values[label]), 3) for label in rows.labels],
        "y": [-row for row in range(len(rows.labels))],
        "customdata": list(rows.names),
        "marker": marker,
        "hovertemplate": f"%{{customdata}}: {words}<extra>{name}</extra>",
    }


def _pixels(picture: Asked) -> dict[str, Any]:
    """Return the picture, dark on light or light on dark as the page is."""
    side = math.isqrt(len(picture.pixels))
    ink = np.array(picture.pixels).reshape(side, side)
    return {
        "type": "heatmap",
        "uid": "picture",
        "z": ink.tolist(),
        "colorscale": [[0, THEME_BACKGROUND], [1, THEME_TEXT]],
        "showscale": False,
        "zmin": 0,
        "zmax": 255,
        "hoverinfo": "skip",
        "xaxis": "x2",
        "yaxis": "y2",
    }


def _beside_picture(rows: Rows, axis: dict[str, Any], values: list[str]) -> dict[str, Any]:
    """Return the layout of bars by class on the right, and a picture on the left."""
    bare = {"showgrid": False, "zeroline": False, "tickvals": [], "fixedrange": True}
    frame = {"showline": True, "mirror": True, "linecolor": THEME_TEXT, "linewidth": 1}
    return base_layout(
        margin={"l": 8, "r": 56 if values else 20, "t": 34, "b": 52},
        bargap=0.25,
        xaxis=axis | {"domain": [_PICTURE_END + 0.17, 1]},
        yaxis=class_axis(rows) | {"anchor": "x"},
        xaxis2=bare | frame | {"domain": [0, _PICTURE_END], "anchor": "y2"},
        yaxis2=bare
        | frame
        | {
            "domain": [0.35, 1],
            "anchor": "x2",
            "autorange": "reversed",
            "scaleanchor": "x2",
            "constrain": "domain",
            "constraintoward": "top",
        },
        annotations=row_values(values, THEME_TEXT),
        **legend_on_top(),
    )
