"""Who gets weight over time: a column of colours for each epoch, hard, soft and their difference.

E epochs, K losses (1 or 2), 64 fixed bins of weight (`bikd_core.evaluation.bin_of`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.drawing import (
    FONT_SIZE,
    THEME_TEXT,
    Drawing,
    base_layout,
    empty,
    epoch_marker,
    packed,
)
from app.figures.weight_axis import WeightAxis, weight_axis_of
from bikd_core.config import WeightScale
from bikd_core.evaluation import bin_centres

HEIGHT = 386  # px
_TOP, _BOTTOM = 30, 112  # px: the panels' names; the epochs, and under them the colours
_COLOURS_BELOW = 52 / (HEIGHT - _TOP - _BOTTOM)  # of the panels' height
MAX_COLUMNS = 120  # of longer runs a column is the mean of several epochs, and the sentence says so
SHARE_LIMIT = 250  # per mille of the images: where the colours end
DIFFERENCE_LIMIT = 125  # per mille
_PANELS = ("w_hard", "w_soft", "hard − soft")
Domains = tuple[tuple[float, float], ...]  # of the panels, from left to right
_THREE: Domains = ((0.0, 0.28), (0.33, 0.61), (0.72, 1.0))
_ONE: Domains = ((0.0, 1.0),)  # of a method with one loss
# Hard and soft have their usual colours; no difference is transparent.
_DIFFERENCE_COLOURS = [
    [0, "rgba(0, 114, 178, 1)"],
    [0.5, "rgba(128, 128, 128, 0)"],
    [1, "rgba(213, 94, 0, 1)"],
]


OVER_TIME_QUESTION = "Who gets weight over time?"


def weights_over_time(
    counts: NDArray[np.integer[Any]],
    whose: str,
    chosen: int,
    planned: int,
    scale: WeightScale = "sigmoid",
) -> Drawing:
    """Return heat maps over epoch and weight: the share of the images with that weight.

    They are of hard, soft and their difference; of a method with one loss there is one. The bins
    and the colours' range are the same at all times and in all runs with the same scale.

    Args:
        counts: [E, K, 64] images by weight, of hard and of soft; 0 in epochs without histograms.
        whose: Which images these are, in words that come before "images".
        chosen: The epoch looked at.
        planned: Planned epochs of the run.
        scale: The scale of the weights.
    """
    if not counts.any():
        return empty(OVER_TIME_QUESTION, "This run kept no weight histograms.", HEIGHT)
    every = math.ceil(planned / MAX_COLUMNS)
    axis = weight_axis_of(scale)
    shares = _columns(counts, every)
    parts = [np.clip(np.round(1000 * share), 0, 255).astype(np.uint8) for share in shares]
    if len(shares) == 2:
        difference = np.round(1000 * (shares[0] - shares[1]))
        parts.append(np.clip(difference, -127, 127).astype(np.int8))
    domains = _THREE if len(parts) == 3 else _ONE
    data = [_heat(panel, part, every, axis, domains) for panel, part in enumerate(parts)]
    sentence = _read(counts, whose, chosen, every, axis)
    layout = _layout(chosen, planned, axis, domains)
    alt = f"{_what_is_drawn(whose, len(data))} {sentence}"
    return Drawing(OVER_TIME_QUESTION, sentence, alt, data, layout, HEIGHT)


def _what_is_drawn(whose: str, num_panels: int) -> str:
    limit = f"{SHARE_LIMIT / 10:g} %"
    if num_panels == 1:
        return (
            f"Heat map of epoch by weight for {whose} images: w_hard. Colour is the share of the "
            f"images, the same from {limit} on."
        )
    return (
        f"Three heat maps of epoch by weight for {whose} images: w_hard, w_soft, and the "
        f"difference of the two. Colour is the share of the images, the same up to {limit}, and "
        f"from −{DIFFERENCE_LIMIT / 10:g} to {DIFFERENCE_LIMIT / 10:g} %."
    )


def _columns(counts: NDArray[np.integer[Any]], every: int) -> list[NDArray[np.float64]]:
    """Return shares of the images, for hard and for soft: [E, K, 64] -> K of [64, columns].

    Epochs without images are left out of the means.
    """
    totals = counts.sum(axis=2, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    starts = np.arange(0, len(counts), every)
    known = np.add.reduceat((totals > 0).astype(float), starts)
    means = np.add.reduceat(shares, starts) / np.maximum(known, 1)
    return [means[:, column].T for column in range(counts.shape[1])]


def _heat(
    panel: int, parts: NDArray[np.integer[Any]], every: int, axis: WeightAxis, domains: Domains
) -> dict[str, Any]:
    """Return the heat map of one panel, from [64, columns] per mille."""
    is_difference = panel == 2
    limit = DIFFERENCE_LIMIT if is_difference else SHARE_LIMIT
    name = _PANELS[panel]
    words = "hard minus soft: %{z} in 1,000" if is_difference else f"{name}: %{{z}} in 1,000 images"
    return {
        "type": "heatmap",
        "uid": ("hard", "soft", "difference")[panel],
        "name": name,
        "xaxis": _axis_name("x", panel),
        "yaxis": _axis_name("y", panel),
        "x0": 1 + (every - 1) / 2,
        "dx": every,
        **axis.bins("y"),
        "z": packed(parts),
        "zmin": -limit if is_difference else 0,
        "zmax": limit,
        "colorscale": _DIFFERENCE_COLOURS if is_difference else "Cividis",
        "showscale": panel > 0 or len(domains) == 1,
        "colorbar": _colour_bar(panel, limit, domains),
        "hovertemplate": f"epoch %{{x:d}}, weight {axis.at_bin('y')}<br>{words}<extra></extra>",
    }


def _colour_bar(panel: int, limit: int, domains: Domains) -> dict[str, Any]:
    """Return a colour bar below its panels: beside them it would not fit a narrow figure."""
    is_difference = panel == 2
    left = domains[2][0] if is_difference else domains[0][0]
    ticks = [-limit, 0, limit] if is_difference else [0, 50, 100, 150, 200, limit]
    texts = [f"{tick / 10:g}".replace("-", "−") for tick in ticks]
    texts[-1] += "+"
    what = "hard − soft" if is_difference else "share of the images"
    return {
        "orientation": "h",
        "title": {"text": f"{what} (%)", "font": {"size": FONT_SIZE}, "side": "bottom"},
        "thickness": 10,
        "len": (domains[panel] if len(domains) > 1 else _THREE[1])[1] - left,
        "x": left,
        "xanchor": "left",
        "xpad": 0,
        "y": -_COLOURS_BELOW,
        "yanchor": "top",
        "ypad": 0,
        "tickvals": ticks,
        "ticktext": texts,
    }


def _axis_name(letter: str, panel: int) -> str:
    return letter if panel == 0 else f"{letter}{panel + 1}"


def _layout(chosen: int, planned: int, axis: WeightAxis, domains: Domains) -> dict[str, Any]:
    """Return panels whose axes move together, as long as the whole run from the start."""
    axes: dict[str, Any] = {}
    for panel, domain in enumerate(domains):
        number = "" if panel == 0 else str(panel + 1)
        axes[f"xaxis{number}"] = {
            "title": {"text": "epoch", "standoff": 6},
            "domain": list(domain),
            "anchor": _axis_name("y", panel),
            "range": [0.5, planned + 0.5],
            "zeroline": False,
            "showgrid": False,
            "showline": True,
            "mirror": True,
            "tickformat": "d",
            "nticks": 5,
            "ticks": "outside",
        } | ({"matches": "x"} if panel else {})
        axes[f"yaxis{number}"] = (
            axis.binned()
            | {
                "anchor": _axis_name("x", panel),
                "showgrid": False,
                "showline": True,
                "mirror": True,
            }
            | ({"matches": "y", "showticklabels": False} if panel else {})
        )
    axes["yaxis"]["title"] = {"text": axis.title_of("weight")}
    marker = epoch_marker(chosen)
    on_map = {"line": marker["line"] | {"color": "#FFFFFF"}}  # dark text would not show on it
    return base_layout(
        margin={"l": 62, "r": 18, "t": _TOP, "b": _BOTTOM},
        **axes,
        shapes=[
            marker | {"xref": _axis_name("x", panel)} | (on_map if panel < 2 else {})
            for panel in range(len(domains))
        ]
        + [
            line | ({"line": {"color": "#FFFFFF", "width": 1}} if panel < 2 else {})
            for panel in range(len(domains))
            for line in axis.line_at_one("y", _axis_name("y", panel)[1:])
        ],
        annotations=[
            {
                "text": name,
                "x": sum(domain) / 2,
                "xref": "paper",
                "y": 1,
                "yref": "paper",
                "yanchor": "bottom",
                "yshift": 2,
                "showarrow": False,
                "font": {"color": THEME_TEXT},
            }
            for name, domain in zip(_PANELS, domains, strict=False)
        ],
    )


def _read(
    counts: NDArray[np.integer[Any]], whose: str, chosen: int, every: int, axis: WeightAxis
) -> str:
    present = np.flatnonzero(counts.any(axis=(1, 2)))
    first = int(present[0])
    if not counts[chosen - 1].any():
        sentence = f"There is no histogram of epoch {chosen}."
    else:
        medians = _medians(counts[chosen - 1], axis)
        named = [f"a {name} of {middle}" for name, middle in zip(_PANELS, medians, strict=False)]
        sentence = (
            f"At epoch {chosen} the median of the {whose} images has {' and '.join(named)}"
            f"{axis.own_weight}"
        )
        if first + 1 != chosen:
            before = " and ".join(_medians(counts[first], axis))
            sentence += f"; at epoch {first + 1} it was {before}"
        sentence += "."
    if missing := len(counts) - len(present):
        sentence += f" {missing:,} of {len(counts):,} epochs have no histogram that can be read."
    if every > 1:
        sentence += f" A column is the mean of {every} epochs."
    return sentence


def _medians(counts: NDArray[np.integer[Any]], axis: WeightAxis) -> list[str]:
    """Return the median weights of images by bin as text: [K, 64] -> K of w_hard, w_soft."""
    halves = np.maximum(counts.sum(axis=1, keepdims=True), 1) / 2
    middles = np.argmax(counts.cumsum(axis=1) >= halves, axis=1)
    return [axis.word(float(weight)) for weight in bin_centres(axis.scale)[middles]]
