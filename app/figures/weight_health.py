"""Whether a weight net still tells images apart: flat, saturated or collapsed, and what to do."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.figures.drawing import Kind
from app.figures.weight_axis import WeightAxis, weight_axis_of
from bikd_core.config import WeightScale
from bikd_core.evaluation import (
    COLLAPSED_BELOW,
    SATURATED_FROM,
    half_weight_share,
    saturated_share,
    saturated_share_of_relative,
)
from bikd_core.events import SATURATED_ABOVE, SATURATED_BELOW

Light = Literal["alive", "flat", "saturated", "collapsed"]
FLAT_BELOW = 0.05  # a surface with a smaller range over the images hardly tells them apart
FLAT_RATIO = 1.1  # of relative weights: the highest over the lowest
ADVICE = (
    "Lower the weight net's learning rate, or let the weights begin later (“Weights begin after”)."
)
_MIDDLE = (0.05, 0.95)  # quantiles between which the range over the images is taken
_LIGHTS: dict[Light, tuple[str, str]] = {
    "alive": ("● tells images apart", "#009E73"),
    "flat": ("▬ flat", "#E69F00"),
    "saturated": ("▲ saturated", "#D55E00"),
    "collapsed": ("▼ collapsed", "#D55E00"),
}


class Health(NamedTuple):
    """Whether a surface still tells images apart, over the region where they lie."""

    light: Light
    low: float  # of the weights in the middle nine tenths of the images
    high: float
    saturated_share: float  # of the images, in [0, 1]
    half_share: float  # of the images: so many carry half of the weight

    @property
    def range(self) -> float:
        return self.high - self.low


def judge(
    weights: NDArray[np.float64], scale: WeightScale = "sigmoid", raw_mean: float = 1.0
) -> Health:
    """Return whether the surface tells images apart.

    Args:
        weights: [N] its weights at the images.
        scale: Their scale. Only relative weights can collapse.
        raw_mean: What relative weights were divided by.
    """
    low, high = (float(value) for value in np.quantile(weights, _MIDDLE))
    half = half_weight_share(weights)
    if scale == "sigmoid":
        share, is_flat = saturated_share(weights), high - low < FLAT_BELOW
    else:
        share, is_flat = saturated_share_of_relative(weights * raw_mean), high < FLAT_RATIO * low
    light: Light = "alive"
    if share > SATURATED_FROM:
        light = "saturated"
    elif scale == "relative" and half < COLLAPSED_BELOW:
        light = "collapsed"
    elif is_flat:
        light = "flat"
    return Health(light, low, high, share, half)


def light_label(health: Health, scale: WeightScale) -> dict[str, Any]:
    """Return the light with its number, for the figure's upper left corner."""
    words, colour = _LIGHTS[health.light]
    return {
        "text": f"<b>{words}</b> · {_number(health, weight_axis_of(scale))}",
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "xshift": -60,  # to the figure's left edge, so that it fits a phone
        "yshift": 6,
        "showarrow": False,
        "font": {"color": colour},
    }


def _number(health: Health, axis: WeightAxis) -> str:
    if health.light == "collapsed":
        return f"half of the weight on {100 * health.half_share:.0f} % of the images"
    if axis.scale == "relative":
        if health.light == "saturated":
            return f"{100 * health.saturated_share:.0f} % at their limit"
        return f"{axis.word(health.low)} to {axis.word(health.high)} where the images lie"
    if health.light == "saturated":
        share = 100 * health.saturated_share
        return f"{share:.0f} % beyond {SATURATED_BELOW} … {SATURATED_ABOVE}"
    return f"range {health.range:.2f} where the images lie"


def read_health(health: Health, kind: Kind, epoch: int, scale: WeightScale) -> str:
    """Return the light in a sentence, with what to do if it warns."""
    axis = weight_axis_of(scale)
    spread = (
        f"At epoch {epoch} w_{kind} runs from {axis.word(health.low)} to {axis.word(health.high)}"
        f"{axis.own_weight} over the middle nine tenths of the images"
    )
    if scale == "relative":
        return f"{spread}{_verdict_on_relative(health)}"
    if health.light == "saturated":
        return (
            f"{spread}; {100 * health.saturated_share:.0f} % of them get less than "
            f"{SATURATED_BELOW} or more than {SATURATED_ABOVE}: the net is saturated."
        )
    if health.light == "flat":
        return f"{spread}: flat (range below {FLAT_BELOW}), so it hardly tells images apart."
    return f"{spread}: it tells them apart (flat is a range below {FLAT_BELOW})."


def _verdict_on_relative(health: Health) -> str:
    flat = f"the highest less than {FLAT_RATIO} times the lowest"
    match health.light:
        case "saturated":
            share = 100 * health.saturated_share
            return (
                f"; {share:.0f} % of them get the least or the most that the net can give: it is "
                f"saturated. {ADVICE}"
            )
        case "collapsed":
            share = 100 * health.half_share
            return (
                f"; {share:.0f} % of the images carry half of the weight, so the others hardly "
                f"count: it has collapsed. {ADVICE}"
            )
        case "flat":
            return f": flat ({flat}), so it hardly tells images apart."
        case "alive":
            return f": it tells them apart (flat is {flat})."
