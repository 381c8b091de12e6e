"""Whether the outer loop stays healthy: does it overfit, how does it pull at the weight net.

All comes from the epochs' summaries. Methods without a weight net have the losses only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from app.figures.accuracy import (
    MAX_POINTS,
    control_marks,
    has_lone_value,
    line_over_epochs,
    thinned,
)
from app.figures.drawing import (
    THEME_TEXT,
    Drawing,
    base_layout,
    empty,
    end_labels,
    epoch_axis,
    epoch_marker,
    percent,
)
from bikd_core.events import ControlChanged, EpochDone

HEIGHT = 262  # px: two rows of figures on a projector
PLOTTED_HEIGHT = HEIGHT - 64  # px
_GAP_COLOUR = "rgba(86, 180, 233, 0.45)"  # Okabe and Ito's sky blue
_LINE_COLOUR = "#3B8FC4"  # of a single line: seen on white and on dark
_NO_GAP = 0.005  # nats: it would be written as 0.00
_AGREE, _UNRELATED = 0.5, 0.1  # cosines from which windows agree, below which they are unrelated


OUTER_LOSSES_QUESTION = "Does D_val still speak for the test data?"


def outer_losses(
    epochs: Sequence[EpochDone], controls: Sequence[ControlChanged], chosen: int, planned: int
) -> Drawing:
    """Return the mean cross-entropy on D_val and on the test set; the gap is shaded.

    Args:
        epochs: At least one, from epoch 1 on.
        controls: Changes made while it trained: marked as lines.
        chosen: The epoch looked at.
        planned: Planned epochs of the run.
    """
    every = math.ceil(len(epochs) / MAX_POINTS)
    lines: dict[str, list[float | None]] = {
        "D_val": [epoch.val_loss for epoch in epochs],
        "test": [epoch.test_loss for epoch in epochs],
    }
    data = [
        line_with_gaps(name, values, every, THEME_TEXT, dash)
        for (name, values), dash in zip(lines.items(), ("dash", "solid"), strict=True)
    ]
    data[1] |= {"fill": "tonexty", "fillcolor": _GAP_COLOUR}
    known = {
        name: [value for value in values if value is not None] for name, values in lines.items()
    }
    top = _ceiling([value for values in known.values() for value in values])
    ends = {
        words: (known[name][-1], THEME_TEXT)
        for words, name in (("- - D_val", "D_val"), ("— test", "test"))
        if known[name]
    }
    change_lines, change_labels = control_marks(controls, planned)
    layout = base_layout(
        hovermode="x unified",
        xaxis=epoch_axis(planned),
        yaxis={"title": {"text": "cross-entropy (nats)"}, "range": [0, top], "zeroline": False},
        shapes=[epoch_marker(chosen), *change_lines],
        annotations=end_labels(ends, PLOTTED_HEIGHT, top) + change_labels,
    )
    sentence = _read_gap(epochs, chosen) + thinned(every)
    alt = f"Line chart of the loss on D_val and on the test set over epochs. {sentence}"
    return Drawing(OUTER_LOSSES_QUESTION, sentence, alt, data, layout, HEIGHT)


def _read_gap(epochs: Sequence[EpochDone], chosen: int) -> str:
    gaps = [
        -math.inf if epoch.val_loss is None else epoch.test_loss - epoch.val_loss
        for epoch in epochs
    ]
    now, gap = epochs[chosen - 1], gaps[chosen - 1]
    if now.val_loss is None:
        return (
            f"At epoch {chosen} the test set's loss is {now.test_loss:.2f}; D_val's is not known."
        )
    widest = max(range(len(gaps)), key=lambda i: gaps[i])
    verdict = "not overfitted" if gap < _NO_GAP else f"overfitted by {gap:.2f}"
    most = f" (at most {gaps[widest]:.2f}, at epoch {widest + 1})" if gaps[widest] > _NO_GAP else ""
    return (
        f"At epoch {chosen} D_val's loss is {now.val_loss:.2f}, the test set's "
        f"{now.test_loss:.2f}: D_val is {verdict}{most}."
    )


NORM_QUESTION = "How hard does D_val pull at the weight net?"


def hypergradient_norm(epochs: Sequence[EpochDone], chosen: int, planned: int) -> Drawing:
    """Return the norm of ∂L_val/∂φ, averaged over a window, on a log axis."""
    # A log axis has no place for 0, which float32 yields where nothing depends on the weights.
    values = [epoch.hypergradient_norm or None for epoch in epochs]
    known = [value for value in values if value is not None]
    if not known:
        return empty(NORM_QUESTION, _NO_WINDOW, HEIGHT)
    now, highest = values[chosen - 1], max(known)
    if now is None:
        sentence = f"At epoch {chosen} there is no norm to draw: it is 0, or no window closed."
    else:
        sentence = (
            f"At epoch {chosen} the norm of the hypergradient is {now:.2g}, {_share(now, highest)} "
            f"of its highest ({highest:.2g} at epoch {values.index(highest) + 1})."
        )
    low, high = math.floor(math.log10(min(known))), math.ceil(math.log10(highest))
    axis = {
        "title": {"text": "‖∂L_val/∂φ‖, log scale", "standoff": 18},
        "tickfont": {"size": 13},
        "type": "log",
        "range": [low, max(high, low + 1)],
        "dtick": max(1, round((high - low) / 5)),
        "exponentformat": "power",
        "zeroline": False,
    }
    return single_line(NORM_QUESTION, "hypergradient norm", values, sentence, axis, chosen, planned)


def _share(part: float, whole: float) -> str:
    return percent(part / whole) if part >= whole / 1000 else "less than 0.1 %"


COSINE_QUESTION = "Do successive pulls agree?"


def hypergradient_cosine(epochs: Sequence[EpochDone], chosen: int, planned: int) -> Drawing:
    """Return the cosine between the hypergradients of successive windows, −1 … 1."""
    values = [epoch.hypergradient_cosine for epoch in epochs]
    known = [value for value in values if value is not None]
    if not known:
        return empty(COSINE_QUESTION, _NO_WINDOW, HEIGHT)
    now, mean = values[chosen - 1], sum(known) / len(known)
    if now is None:
        sentence = f"At epoch {chosen} no two windows followed each other."
    else:
        sentence = (
            f"At epoch {chosen} the hypergradients of successive windows have a cosine of "
            f"{now:.2f}: they {_agreement(now)}. Mean of the run: {mean:.2f}."
        )
    axis = {
        "title": {"text": "cosine (−1 … 1)"},
        "range": [-1.05, 1.05],
        "tickvals": [-1, -0.5, 0, 0.5, 1],
        "zeroline": True,
        "zerolinewidth": 2,
    }
    name = "hypergradient cosine"
    return single_line(COSINE_QUESTION, name, values, sentence, axis, chosen, planned)


def _agreement(cosine: float) -> str:
    if cosine >= _AGREE:
        return "pull the same way"
    if cosine >= _UNRELATED:
        return "agree a little"
    if cosine > -_UNRELATED:
        return "have nothing in common, as noise has"
    return "pull against each other"


_NO_WINDOW = "No window of inner steps has closed yet, so there is no hypergradient to show."


def single_line(
    question: str,
    name: str,
    values: Sequence[float | None],
    sentence: str,
    axis: dict[str, Any],
    chosen: int,
    planned: int,
) -> Drawing:
    """Return a figure of one line over the epochs."""
    every = math.ceil(len(values) / MAX_POINTS)
    sentence += thinned(every)
    layout = base_layout(
        margin={"l": 80, "r": 20, "t": 12, "b": 52},
        hovermode="x unified",
        xaxis=epoch_axis(planned),
        yaxis=axis,
        shapes=[epoch_marker(chosen)],
    )
    data = [line_with_gaps(name, values, every, _LINE_COLOUR, "solid")]
    alt = f"Line chart over {len(values)} epochs: {name}. {sentence}"
    return Drawing(question, sentence, alt, data, layout, HEIGHT)


def line_with_gaps(
    name: str, values: Sequence[float | None], every: int, colour: str, dash: str
) -> dict[str, Any]:
    """Return a line with a gap where there is no value; values in four digits."""
    drawn = [None if value is None else float(f"{value:.4g}") for value in values[::every]]
    trace = line_over_epochs(name, [], every, colour, dash)
    return trace | {
        "uid": name.replace(" ", "-").replace("_", "-"),
        "mode": "lines+markers" if has_lone_value(drawn) else "lines",
        "y": drawn,
    }


def _ceiling(values: Sequence[float]) -> float:
    """Return a round number a little above all values, so that the axis seldom changes."""
    highest = max(values)
    unit = 10.0 ** math.floor(math.log10(highest)) if highest > 0 else 1.0
    return next(unit * step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if unit * step >= highest)
