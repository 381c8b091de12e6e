"""The middle of a step: each picture's influence on D_val, and the weight net's own step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.figures.drawing import GROUP_COLOURS, THEME_TEXT, Drawing, Kind, base_layout
from app.figures.level import without_groups
from app.figures.step.step import (
    GROUP_SYMBOLS,
    GROUPS,
    HEIGHT,
    KINDS,
    Step,
    legend_on_top,
    plural,
)
from app.figures.weight_axis import weight_axis_of
from bikd_core.config import WeightScale, signed

NUM_EXTREMES = 5  # pictures shown at either end of the ranking
_PICTURES_HEIGHT = 32  # px that the pictures add to a figure
_WINDOW_HEIGHT = 104  # px
_BARS_BEGIN = 0.26  # of the plot's height; the pictures are below
_WORDS = 0.12  # of it, between bars and pictures
_GAPS_UP_TO = 40  # pictures; more bars stand without gaps
_MAX_SQUARES = 25  # of a window; more are drawn as a bar


class Extremes(NamedTuple):
    """Pictures at both ends of a ranking, each end in one row, as data URIs."""

    wanted: str
    unwanted: str


def order_of(step: Step, kind: Kind) -> NDArray[np.intp]:
    """Return the places in the batch by rising influence, [B]: D_val wants most of the first."""
    return np.argsort(_influence(step)[:, KINDS.index(kind)], kind="stable")


INFLUENCE_QUESTIONS: dict[Kind, str] = {
    "hard": "Whose hard loss does D_val want more of?",
    "soft": "… and whose soft loss?",
}


def influence(step: Step, kind: Kind, extremes: Extremes | None = None) -> Drawing:
    """Return a bar for each picture, sorted by its influence; both kinds have the same axis.

    Args:
        step: A step of a method with a weight net.
        kind: Which loss.
        extremes: The pictures of the first and last `NUM_EXTREMES`, where they are at hand.
    """
    values = _influence(step)[:, KINDS.index(kind)]
    order = order_of(step, kind)
    limit = 1.08 * max(float(np.abs(_influence(step)).max()), 1e-6)
    layout = base_layout(
        margin={"l": 66, "r": 12, "t": 34, "b": 8 if extremes else 28},
        barmode="overlay",
        xaxis={
            "range": [-0.7, step.size - 0.3],
            "showticklabels": False,
            "zeroline": False,
            "showgrid": False,
            "title": {
                "text": "pictures, sorted" if extremes else "pictures of the batch, sorted",
                "standoff": 4,
            },
        },
        yaxis={
            "title": {"text": f"influence of the {kind} loss"},
            "range": [-limit, limit],
            "domain": [_BARS_BEGIN if extremes else 0, 1],
            "zeroline": True,
            "zerolinewidth": 2,
            "nticks": 5,
        },
        images=_images(extremes) if extremes else [],
        annotations=_captions(step.size) if extremes else [],
        **legend_on_top(),
    )
    data = [_bars(step, kind, group, values, order) for group in GROUPS]
    if not step.has_groups:
        data = without_groups(data, "picture")
    sentence = _read_influence(step, kind, values, order)
    alt = f"Bars of each picture's influence on the D_val loss, sorted. {sentence}"
    height = HEIGHT + (_PICTURES_HEIGHT if extremes else 0)
    return Drawing(INFLUENCE_QUESTIONS[kind], sentence, alt, data, layout, height)


def _influence(step: Step) -> NDArray[np.float64]:
    """Return the influence of each picture's hard and soft loss, [B, 2].

    Raises:
        ValueError: The method has no weight net.
    """
    if step.trace.influence is None:
        raise ValueError("a method without a weight net never asks for an influence")
    return step.trace.influence.astype(np.float64)


def _bars(
    step: Step, kind: Kind, group: str, values: NDArray[np.float64], order: NDArray[np.intp]
) -> dict[str, Any]:
    names = step.names()
    ranks = [rank for rank, place in enumerate(order) if step.groups[place] == group]
    places = [int(order[rank]) for rank in ranks]
    return {
        "type": "bar",
        "uid": f"influence-{group}",
        "name": group,
        "width": 0.9 if step.size <= _GAPS_UP_TO else 1,
        "x": ranks,
        "y": [round(float(values[place]), 5) for place in places],
        "customdata": [names[place] for place in places],
        "marker": {"color": GROUP_COLOURS[group]},
        "hovertemplate": f"%{{customdata}}<br>influence of its {kind} loss: %{{y:.3f}}"
        "<extra></extra>",
    }


def _images(extremes: Extremes) -> list[dict[str, Any]]:
    common = {
        "xref": "paper",
        "yref": "paper",
        "y": _BARS_BEGIN - _WORDS,
        "yanchor": "top",
        "sizex": 0.485,
        "sizey": _BARS_BEGIN - _WORDS,
        "sizing": "contain",
    }
    return [
        common | {"source": extremes.wanted, "x": 0, "xanchor": "left"},
        common | {"source": extremes.unwanted, "x": 1, "xanchor": "right"},
    ]


def _captions(size: int) -> list[dict[str, Any]]:
    """Return the words beside the axis' title, above the pictures of a batch's two ends."""
    shown = f"({min(NUM_EXTREMES, size)} of {size})"
    common = {
        "xref": "paper",
        "yref": "paper",
        "y": _BARS_BEGIN,
        "yanchor": "top",
        "yshift": 1,
        "showarrow": False,
        "font": {"size": 13, "color": THEME_TEXT},
    }
    return [
        common | {"text": f"← more {shown}", "x": 0, "xanchor": "left"},
        common | {"text": f"less {shown} →", "x": 1, "xanchor": "right"},
    ]


def _read_influence(
    step: Step, kind: Kind, values: NDArray[np.float64], order: NDArray[np.intp]
) -> str:
    first, classes = int(order[0]), step.started.class_names
    num_wanted = int((values < 0).sum())
    if not num_wanted:
        return f"D_val wants more {kind} loss of none of the {step.size} pictures."
    means = [
        f"{signed(float(values[step.members_of(group)].mean()), 2)} {group}"
        for group in GROUPS
        if len(step.members_of(group)) and step.has_groups
    ] or [signed(float(values.mean()), 2)]
    shot = f"{step.groups[first]}-shot, " * step.has_groups
    return (
        f"D_val wants more {kind} loss (bars below 0) of {num_wanted} of the {step.size} pictures, "
        f"most of a {classes[int(step.labels[first])]} ({shot}{signed(float(values[first]), 2)}). "
        f"Mean: {', '.join(means)}."
    )


WINDOW_QUESTION = "Does the weight net move now?"


def window(step: Step) -> Drawing:
    """Return the hypergradients gathered so far, of the k that make one step of the weight net."""
    k, gathered = step.inner_steps, step.num_gathered
    if k <= _MAX_SQUARES:
        x, share = list(range(1, k + 1)), [1] * k
        is_gathered = [number <= gathered for number in x]
    else:
        x, share, is_gathered = [1, 2], [gathered, k - gathered], [True, False]
    data = [
        {
            "type": "bar",
            "uid": "window",
            "orientation": "h",
            "x": share,
            "y": [0] * len(x),
            "marker": {
                "color": [
                    "#0072B2" if filled else "rgba(128,128,128,0.18)" for filled in is_gathered
                ],
                "line": {"color": THEME_TEXT, "width": 1.5},
            },
            "hoverinfo": "skip",
        }
    ]
    layout = base_layout(
        margin={"l": 24, "r": 24, "t": 12, "b": 52},
        barmode="stack",
        xaxis={
            "title": {"text": "hypergradients gathered in this window", "standoff": 8},
            "range": [0, k],
            "tickformat": "d",
            "dtick": 1 if k <= _MAX_SQUARES else None,
            "zeroline": False,
            "showgrid": False,
        },
        yaxis={"visible": False, "range": [-0.5, 0.5]},
    )
    if not step.has_hypergradient:
        sentence = (
            f"No: one step in {step.outer_every} has a hypergradient, and this is not one of them."
        )
    elif not step.window_closed:
        left = k - gathered
        sentence = (
            f"No: {gathered} of k = {k} hypergradients are gathered. {plural(left, 'more step')} "
            "and their average moves the weight net; until then the weights in use stay the same "
            "function of the losses."
        )
    elif k == 1:
        sentence = (
            "Yes: with k = 1 every step's hypergradient moves the weight net at once, by one step "
            "of Adam."
        )
    else:
        sentence = (
            f"Yes: the window is full. The average of its {k} hypergradients has just moved the "
            "weight net by one step of Adam; the next window begins empty."
        )
    alt = f"A row of {k} places, {gathered} of them filled. {sentence}"
    return Drawing(WINDOW_QUESTION, sentence, alt, data, layout, _WINDOW_HEIGHT)


ANSWER_QUESTIONS: dict[Kind, str] = {
    "hard": "Did the hard weights go the way D_val wants?",
    "soft": "… and the soft weights?",
}


def answer(step: Step, kind: Kind) -> Drawing:
    """Return how each picture's weight changed, against its influence on D_val's loss."""
    values = _influence(step)[:, KINDS.index(kind)]
    change = step.change()[:, KINDS.index(kind)]
    unit = weight_axis_of(step.scale).unit
    x_limit = 1.08 * max(float(np.abs(_influence(step)).max()), 1e-6)
    y_limit = 1.15 * max(float(np.abs(step.change()).max()), 1e-6)
    names = step.names()
    data = [
        {
            "type": "scatter",
            "uid": f"answer-{group}",
            "name": group,
            "mode": "markers",
            "x": [round(float(values[place]), 5) for place in step.members_of(group)],
            "y": [round(float(change[place]), 6) for place in step.members_of(group)],
            "customdata": [names[place] for place in step.members_of(group)],
            "marker": {
                "symbol": GROUP_SYMBOLS[group],
                "size": 10,
                "opacity": 0.8,
                "color": GROUP_COLOURS[group],
            },
            "hovertemplate": "%{customdata}<br>influence %{x:.3f}, weight %{y:+.4f}"
            f"{unit}<extra></extra>",
        }
        for group in GROUPS
    ]
    if not step.has_groups:
        data = without_groups(data, "picture")
    layout = base_layout(
        margin={"l": 80, "r": 12, "t": 34, "b": 52},
        xaxis={
            "title": {"text": "influence (left: D_val wants more)", "standoff": 8},
            "range": [-x_limit, x_limit],
            "zeroline": True,
            "zerolinewidth": 2,
            "nticks": 6,
        },
        yaxis={
            "title": {"text": f"change of w_{kind}", "standoff": 4},
            "range": [-y_limit, y_limit],
            "zeroline": True,
            "zerolinewidth": 2,
            "tickformat": "+.4f",
            "nticks": 6,
            **({"ticksuffix": unit} if unit else {}),
        },
        shapes=[_followed(-x_limit, y_limit), _followed(x_limit, -y_limit)],
        **legend_on_top(),
    )
    sentence = _read_answer(kind, values, change, step.scale)
    alt = f"Scatter of weight change against influence, by picture. {sentence}"
    return Drawing(ANSWER_QUESTIONS[kind], sentence, alt, data, layout, HEIGHT)


def _followed(x: float, y: float) -> dict[str, Any]:
    """Return the quadrant in which a weight went the way that D_val wants."""
    return {
        "type": "rect",
        "x0": 0,
        "x1": x,
        "y0": 0,
        "y1": y,
        "layer": "below",
        "line": {"width": 0},
        "fillcolor": "rgba(0,114,178,0.12)",
    }


def _read_answer(
    kind: Kind, values: NDArray[np.float64], change: NDArray[np.float64], scale: WeightScale
) -> str:
    followed = int(((values * change) < 0).sum())
    words = (
        f"{followed} of {len(values)} weights of the {kind} loss went the way that D_val wants "
        "(shaded)."
    )
    if scale == "relative":
        return f"{words} Not all can: their mean stays 1, so if some rise others fall."
    if kind == "hard":
        return words
    return f"{words} Not all can: the weight net cannot tell apart pictures with similar losses."
