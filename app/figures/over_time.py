"""Who gets weight over time: a column of colours for each epoch, hard, soft and their difference.

E epochs, 64 fixed bins of weight over [0, 1] (`bikd_core.events.WEIGHT_BINS`).
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
from bikd_core.events import WEIGHT_BINS

HEIGHT = 386  # px
_TOP, _BOTTOM = 30, 112  # px: the panels' names; the epochs, and under them the colours
_COLOURS_BELOW = 52 / (HEIGHT - _TOP - _BOTTOM)  # of the panels' height
MAX_COLUMNS = 120  # of longer runs a column is the mean of several epochs, and the sentence says so
SHARE_LIMIT = 250  # per mille of the images: where the colours end
DIFFERENCE_LIMIT = 125  # per mille
_PANELS = ("w_hard", "w_soft", "hard − soft")
_DOMAINS = ((0.0, 0.28), (0.33, 0.61), (0.72, 1.0))
# Hard and soft have their usual colours; no difference is transparent.
_DIFFERENCE_COLOURS = [
    [0, "rgba(0, 114, 178, 1)"],
    [0.5, "rgba(128, 128, 128, 0)"],
    [1, "rgba(213, 94, 0, 1)"],
]


OVER_TIME_QUESTION = "Who gets weight over time?"


def weights_over_time(
    counts: NDArray[np.integer[Any]], whose: str, chosen: int, planned: int
) -> Drawing:
    """Return three heat maps over epoch and weight: the share of the images with that weight.

    The bins and the colours' range are the same at all times and in all runs.

    Args:
        counts: [E, 2, 64] images by weight, of hard and of soft; 0 in epochs without histograms.
        whose: Which images these are, in words that come before "images".
        chosen: The epoch looked at.
        planned: Planned epochs of the run.
    """
    if not counts.any():
        return empty(OVER_TIME_QUESTION, "This run kept no weight histograms.", HEIGHT)
    every = math.ceil(planned / MAX_COLUMNS)
    hard, soft = _columns(counts, every)
    data = [
        _heat(0, np.clip(np.round(1000 * hard), 0, 255).astype(np.uint8), every),
        _heat(1, np.clip(np.round(1000 * soft), 0, 255).astype(np.uint8), every),
        _heat(2, np.clip(np.round(1000 * (hard - soft)), -127, 127).astype(np.int8), every),
    ]
    sentence = _read(counts, whose, chosen, every)
    alt = (
        f"Three heat maps of epoch by weight for {whose} images: w_hard, w_soft, and the "
        f"difference of the two. Colour is the share of the images, the same up to "
        f"{SHARE_LIMIT / 10:g} %, and from −{DIFFERENCE_LIMIT / 10:g} to "
        f"{DIFFERENCE_LIMIT / 10:g} %. {sentence}"
    )
    return Drawing(OVER_TIME_QUESTION, sentence, alt, data, _layout(chosen, planned), HEIGHT)


def _columns(
    counts: NDArray[np.integer[Any]], every: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return shares of the images for hard and for soft: [E, 2, 64] -> two of [64, columns].

    Epochs without images are left out of the means.
    """
    totals = counts.sum(axis=2, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    starts = np.arange(0, len(counts), every)
    known = np.add.reduceat((totals > 0).astype(float), starts)
    means = np.add.reduceat(shares, starts) / np.maximum(known, 1)
    return means[:, 0].T, means[:, 1].T


def _heat(panel: int, parts: NDArray[np.integer[Any]], every: int) -> dict[str, Any]:
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
        "y0": 0.5 / WEIGHT_BINS,
        "dy": 1 / WEIGHT_BINS,
        "z": packed(parts),
        "zmin": -limit if is_difference else 0,
        "zmax": limit,
        "colorscale": _DIFFERENCE_COLOURS if is_difference else "Cividis",
        "showscale": panel > 0,
        "colorbar": _colour_bar(panel, limit),
        "hovertemplate": f"epoch %{{x:d}}, weight near %{{y:.2f}}<br>{words}<extra></extra>",
    }


def _colour_bar(panel: int, limit: int) -> dict[str, Any]:
    """Return a colour bar below its panels: beside them it would not fit a narrow figure."""
    is_difference = panel == 2
    left = _DOMAINS[2][0] if is_difference else _DOMAINS[0][0]
    ticks = [-limit, 0, limit] if is_difference else [0, 50, 100, 150, 200, limit]
    texts = [f"{tick / 10:g}".replace("-", "−") for tick in ticks]
    texts[-1] += "+"
    what = "hard − soft" if is_difference else "share of the images"
    return {
        "orientation": "h",
        "title": {"text": f"{what} (%)", "font": {"size": FONT_SIZE}, "side": "bottom"},
        "thickness": 10,
        "len": _DOMAINS[panel][1] - left,
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


def _layout(chosen: int, planned: int) -> dict[str, Any]:
    """Return three panels whose axes move together, as long as the whole run from the start."""
    axes: dict[str, Any] = {}
    for panel, domain in enumerate(_DOMAINS):
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
        axes[f"yaxis{number}"] = {
            "anchor": _axis_name("x", panel),
            "range": [0, 1],
            "tickvals": [0, 0.25, 0.5, 0.75, 1],
            "zeroline": False,
            "showgrid": False,
            "showline": True,
            "mirror": True,
        } | ({"matches": "y", "showticklabels": False} if panel else {})
    axes["yaxis"]["title"] = {"text": "weight (0 … 1)"}
    marker = epoch_marker(chosen)
    on_map = {"line": marker["line"] | {"color": "#FFFFFF"}}  # dark text would not show on it
    return base_layout(
        margin={"l": 62, "r": 18, "t": _TOP, "b": _BOTTOM},
        **axes,
        shapes=[
            marker | {"xref": _axis_name("x", panel)} | (on_map if panel < 2 else {})
            for panel in range(3)
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
            for name, domain in zip(_PANELS, _DOMAINS, strict=True)
        ],
    )


def _read(counts: NDArray[np.integer[Any]], whose: str, chosen: int, every: int) -> str:
    present = np.flatnonzero(counts.any(axis=(1, 2)))
    first = int(present[0])
    if not counts[chosen - 1].any():
        sentence = f"There is no histogram of epoch {chosen}."
    else:
        hard, soft = _means(counts[chosen - 1])
        sentence = (
            f"At epoch {chosen} {whose} images have a mean w_hard of {hard:.2f} and a mean w_soft "
            f"of {soft:.2f}"
        )
        if first + 1 != chosen:
            hard, soft = _means(counts[first])
            sentence += f"; at epoch {first + 1} it was {hard:.2f} and {soft:.2f}"
        sentence += "."
    if missing := len(counts) - len(present):
        sentence += f" {missing:,} of {len(counts):,} epochs have no histogram that can be read."
    if every > 1:
        sentence += f" A column is the mean of {every} epochs."
    return sentence


def _means(counts: NDArray[np.integer[Any]]) -> tuple[float, float]:
    """Return the mean weights of images by bin: [2, 64] -> w_hard, w_soft."""
    centres = (np.arange(WEIGHT_BINS) + 0.5) / WEIGHT_BINS
    hard, soft = (counts @ centres) / np.maximum(counts.sum(axis=1), 1)
    return float(hard), float(soft)
