"""What the weights amount to over the epochs: a factor on the learning rate, and on how few."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from app.figures.accuracy import MAX_POINTS, thinned
from app.figures.drawing import (
    KIND_COLOURS,
    THEME_TEXT,
    Drawing,
    base_layout,
    empty,
    end_labels,
    epoch_axis,
    epoch_marker,
    percent,
)
from app.figures.outer_loop import HEIGHT, PLOTTED_HEIGHT, line_with_gaps, single_line
from app.figures.weight_axis import weight_axis_of
from app.figures.weight_health import ADVICE
from bikd_core.config import WeightScale
from bikd_core.evaluation import COLLAPSED_BELOW, SATURATED_FROM
from bikd_core.events import EpochDone, RunStarted

SATURATED_QUESTION = "How many weights are stuck at 0 or 1?"
_AT_LIMIT_QUESTION = "How many weights are at their limit?"  # of relative weights
MEAN_FACTOR_QUESTION = "How much of the learning rate do the weights leave?"
HALF_WEIGHT_QUESTION = "How few pictures carry half of the weight?"
_DASHES = {"hard": "solid", "soft": "dash"}


def saturated_share(
    epochs: Sequence[EpochDone], chosen: int, planned: int, scale: WeightScale = "sigmoid"
) -> Drawing:
    """Return the share of each epoch's weights that are as low or high as they can be."""
    question = SATURATED_QUESTION if scale == "sigmoid" else _AT_LIMIT_QUESTION
    values = [epoch.saturated_share for epoch in epochs]
    known = [value for value in values if value is not None]
    if not known:
        return empty(question, "This run kept no weights.", HEIGHT)
    highest, now = max(known), values[chosen - 1] or 0.0
    at_most = f"{percent(highest)} at epoch {values.index(highest) + 1}" if highest else "none"
    sentence = (
        f"At epoch {chosen} {percent(now)} of the weights are "
        f"{weight_axis_of(scale).limits_in_words}. Most so far: {at_most}."
    )
    if scale == "relative" and now > SATURATED_FROM:
        sentence += f" {ADVICE}"
    axis = {"title": {"text": "weights (%)"}, "range": [-1, 101], "zeroline": False}
    in_percent = [None if value is None else 100 * value for value in values]
    return single_line(question, "saturated share", in_percent, sentence, axis, chosen, planned)


def mean_factor(
    epochs: Sequence[EpochDone],
    started: RunStarted,
    chosen: int,
    planned: int,
    scale: WeightScale = "sigmoid",
) -> Drawing:
    """Return the mean weight over all images at each epoch: a factor on the learning rate."""
    counts = np.array(started.counts_as_labelled, dtype=np.float64)
    means = {
        kind: [float(np.dot(counts, values) / counts.sum()) for values in columns if values]
        for kind, columns in (
            ("hard", [epoch.w_hard_per_class for epoch in epochs]),
            ("soft", [epoch.w_soft_per_class for epoch in epochs]),
        )
        if None not in columns
    }
    top = max(1.25, 1.1 * max(value for line in means.values() for value in line))
    every = math.ceil(len(epochs) / MAX_POINTS)
    own = epoch_marker(0) | {"line": {"color": THEME_TEXT, "width": 1}}
    own |= {"x0": 0, "x1": 1, "xref": "paper", "y0": 1, "y1": 1, "yref": "y"}
    layout = base_layout(
        hovermode="x unified",
        xaxis=epoch_axis(planned),
        yaxis={"title": {"text": "mean weight"}, "range": [0, top], "zeroline": False},
        shapes=[epoch_marker(chosen), own],
        annotations=end_labels(
            {kind: (line[-1], KIND_COLOURS[kind]) for kind, line in means.items()},
            PLOTTED_HEIGHT,
            top,
        ),
    )
    data = [
        line_with_gaps(kind, line, every, KIND_COLOURS[kind], _DASHES[kind])
        for kind, line in means.items()
    ]
    now = {kind: line[chosen - 1] for kind, line in means.items()}
    sentence = _read_factor(now, epochs[chosen - 1], scale) + thinned(every)
    alt = f"Line chart of the mean weight over {len(epochs)} epochs. {sentence}"
    return Drawing(MEAN_FACTOR_QUESTION, sentence, alt, data, layout, HEIGHT)


def _read_factor(now: dict[str, float], epoch: EpochDone, scale: WeightScale) -> str:
    listed = " and ".join(f"{mean:.2f} for the {kind} loss" for kind, mean in now.items())
    words = f"At epoch {epoch.epoch} the mean weight is {listed}"
    if scale == "relative":
        return (
            f"{words}: relative weights have mean 1 over each batch, so they change who counts "
            "and leave the learning rate as it is."
        )
    if epoch.learning_rate is None:
        return f"{words}. That is a factor on the learning rate."
    rates = " and ".join(_two_digits(mean * epoch.learning_rate) for mean in now.values())
    rate = _two_digits(epoch.learning_rate)
    return f"{words}. That is a factor on the learning rate: of {rate} it leaves {rates}."


def _two_digits(value: float) -> str:
    """Return a number as text in two significant digits, never with an exponent."""
    return np.format_float_positional(value, 2, fractional=False, trim="-")


def half_weight(
    epochs: Sequence[EpochDone], chosen: int, planned: int, scale: WeightScale = "sigmoid"
) -> Drawing:
    """Return the smallest share of the images that carries half of each loss's weight."""
    shares = [epoch.half_weight_share for epoch in epochs]
    known = [share for share in shares if share is not None]
    if not known:
        return empty(HALF_WEIGHT_QUESTION, "This run did not keep it.", HEIGHT)
    kinds = ("hard", "soft")[: len(known[0])]
    lines = {
        kind: [None if share is None else 100 * share[column] for share in shares]
        for column, kind in enumerate(kinds)
    }
    every = math.ceil(len(epochs) / MAX_POINTS)
    limit = epoch_marker(0) | {"x0": 0, "x1": 1, "xref": "paper", "yref": "y"}
    limit |= {"y0": 100 * COLLAPSED_BELOW, "y1": 100 * COLLAPSED_BELOW}
    layout = base_layout(
        hovermode="x unified",
        xaxis=epoch_axis(planned),
        yaxis={
            "title": {"text": "images (%)"},
            "range": [0, 55],
            "tickvals": [0, 10, 20, 30, 40, 50],
            "zeroline": False,
        },
        shapes=[epoch_marker(chosen), limit],
        annotations=end_labels(
            {kind: (_last(line), KIND_COLOURS[kind]) for kind, line in lines.items()},
            PLOTTED_HEIGHT,
            55,
        ),
    )
    data = [
        line_with_gaps(kind, line, every, KIND_COLOURS[kind], _DASHES[kind])
        for kind, line in lines.items()
    ]
    now = {kind: line[chosen - 1] for kind, line in lines.items()}
    sentence = _read_half(now, chosen, scale) + thinned(every)
    alt = f"Line chart of the share of images with half of the weight, over epochs. {sentence}"
    return Drawing(HALF_WEIGHT_QUESTION, sentence, alt, data, layout, HEIGHT)


def _read_half(now: dict[str, float | None], chosen: int, scale: WeightScale) -> str:
    known = {kind: share for kind, share in now.items() if share is not None}
    if not known:
        return f"Epoch {chosen} did not keep it."
    listed = " and ".join(
        f"half of the {kind}-loss weight is on {share:.1f} % of the images"
        for kind, share in known.items()
    )
    words = f"At epoch {chosen} {listed} (equal weights: 50 %)."
    if min(known.values()) < 100 * COLLAPSED_BELOW:
        advice = ADVICE if scale == "relative" else "Lower the weight net's learning rate."
        words += f" Fewer than a tenth: the weights have collapsed on a few pictures. {advice}"
    return words


def _last(line: Sequence[float | None]) -> float:
    return next((value for value in reversed(line) if value is not None), 0.0)
