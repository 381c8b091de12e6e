"""The class shifts that were learned, against the log of the class frequencies, log π.

C classes in label order. A constant added to a whole shift changes no loss, so shifts and log π
are drawn with their means taken off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.accuracy import MAX_POINTS, line_over_epochs, thinned
from app.figures.classes import Rows, are_level, class_axis, rows_of
from app.figures.drawing import (
    HEIGHT,
    KIND_COLOURS,
    THEME_TEXT,
    Drawing,
    base_layout,
    empty,
    end_labels,
    epoch_axis,
    epoch_marker,
)
from bikd_core.config import signed
from bikd_core.evaluation import shot_groups
from bikd_core.events import EpochDone, RunStarted

SHIFTS_QUESTION = "Which class shifts were learned?"
SHIFTS_OVER_EPOCHS_QUESTION = "Do the shifts leave log π?"
_PLOTTED_HEIGHT = HEIGHT - 64  # px
_OFFSETS = {"hard": 0.16, "soft": -0.16}  # of a row's height
_SYMBOLS = {"hard": "circle", "soft": "square"}

Shifts = dict[str, NDArray[np.float64]]  # [E, C] by loss, centred


def class_shifts(epochs: Sequence[EpochDone], started: RunStarted, chosen: int) -> Drawing:
    """Return the shift of each class in the chosen epoch, its way since epoch 1, and log π.

    Args:
        epochs: At least one, from epoch 1 on, with shifts.
        started: Names and counts of the classes.
        chosen: The epoch looked at.
    """
    shifts, prior = _shifts(epochs[:chosen]), _log_prior(started)
    if not shifts:
        return empty(SHIFTS_QUESTION, f"Epoch {chosen} has no learned shifts.", HEIGHT)
    rows = rows_of(started.class_names, started.class_counts)
    data = [trace for kind, values in shifts.items() for trace in _marks(kind, values, rows)]
    data.append(_diamonds(prior, rows))
    every = np.concatenate([prior[None], *shifts.values()])
    limit = 1.1 * max(float(np.abs(every).max()), 0.1)
    layout = base_layout(
        margin={"l": rows.left_margin, "r": 16, "t": 12, "b": 84},
        xaxis={
            "title": {"text": "added to the logit inside the loss (nats)", "standoff": 6},
            "range": [-limit, limit],
            "zeroline": True,
        },
        yaxis=class_axis(rows),
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
    )
    sentence = f"{_read(shifts, prior, started, chosen)} Lines lead there from epoch 1."
    alt = f"Marks of the learned class shifts beside log π, head to tail. {sentence}"
    return Drawing(SHIFTS_QUESTION, sentence, alt, data, layout, max(HEIGHT, rows.height + 40))


def shifts_over_epochs(
    epochs: Sequence[EpochDone], started: RunStarted, chosen: int, planned: int
) -> Drawing:
    """Return lines of the learned shifts minus log π, of few-shot and of many-shot classes.

    Of all classes, where they have as many images each.
    """
    shifts, prior = _shifts(epochs), _log_prior(started)
    if not shifts:
        return empty(SHIFTS_OVER_EPOCHS_QUESTION, "No shifts are learned yet.", HEIGHT)
    groups = shot_groups(started.class_counts)
    members = {"few": groups.few, "many": groups.many}
    if are_level(started.class_counts):
        members = {"all": tuple(range(len(started.class_counts)))}
    lines: dict[str, list[float]] = {
        f"{kind}, {group}": (values - prior)[:, list(labels)].mean(axis=1).tolist()
        for kind, values in shifts.items()
        for group, labels in members.items()
    }
    every = math.ceil(len(epochs) / MAX_POINTS)
    dashes = {"hard, few": "solid", "hard, many": "dot", "soft, few": "dash", "hard, all": "solid"}
    colours = {name: KIND_COLOURS[name.split(",")[0]] for name in lines}
    data = [
        line_over_epochs(name, line, every, colours[name], dashes.get(name, "dashdot"))
        for name, line in lines.items()
    ]
    limit = 1.1 * max(0.1, *(abs(value) for line in lines.values() for value in line))
    layout = base_layout(
        hovermode="x unified",
        xaxis=epoch_axis(planned),
        yaxis={
            "title": {"text": "shift − log π (nats)"},
            "range": [-limit, limit],
            "zeroline": True,
            "zerolinewidth": 2,
        },
        shapes=[epoch_marker(chosen)],
        annotations=end_labels(
            {name: (line[-1], colours[name]) for name, line in lines.items()},
            _PLOTTED_HEIGHT,
            2 * limit,
        ),
    )
    sentence = _read({k: v[:chosen] for k, v in shifts.items()}, prior, started, chosen)
    sentence += thinned(every)
    alt = f"Line chart of the learned class shifts minus log π over the epochs. {sentence}"
    return Drawing(SHIFTS_OVER_EPOCHS_QUESTION, sentence, alt, data, layout, HEIGHT)


def _shifts(epochs: Sequence[EpochDone]) -> Shifts:
    columns = {
        "hard": [epoch.shift_hard_per_class for epoch in epochs],
        "soft": [epoch.shift_soft_per_class for epoch in epochs],
    }
    return {
        kind: _centred(np.array(values, dtype=np.float64))
        for kind, values in columns.items()
        if None not in values
    }


def _log_prior(started: RunStarted) -> NDArray[np.float64]:
    counts = np.array(started.counts_as_labelled, dtype=np.float64)
    return _centred(np.log(counts / counts.sum()))


def _centred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    centred: NDArray[np.float64] = values - values.mean(axis=-1, keepdims=True)
    return centred


def _marks(kind: str, values: NDArray[np.float64], rows: Rows) -> list[dict[str, Any]]:
    """Return each class's shift, and a line to it from where it was after epoch 1."""
    places = [round(_OFFSETS[kind] - row, 2) for row in range(len(rows.labels))]
    ordered = values[:, list(rows.labels)]
    x: list[float | None] = []
    y: list[float | None] = []
    for place, first, last in zip(places, ordered[0], ordered[-1], strict=True):
        x += [round(float(first), 4), round(float(last), 4), None]
        y += [place, place, None]
    colour = KIND_COLOURS[kind]
    way = {
        "type": "scatter",
        "uid": f"way-{kind}",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"color": colour, "width": 3},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    now = {
        "type": "scatter",
        "uid": f"shift-{kind}",
        "name": f"{kind} loss",
        "mode": "markers",
        "x": [round(float(value), 4) for value in ordered[-1]],
        "y": places,
        "customdata": list(rows.names),
        "marker": {"symbol": _SYMBOLS[kind], "size": 10, "color": colour},
        "hovertemplate": f"%{{customdata}}, {kind} loss: %{{x:+.2f}}<extra></extra>",
    }
    return [way, now]


def _diamonds(prior: NDArray[np.float64], rows: Rows) -> dict[str, Any]:
    return {
        "type": "scatter",
        "uid": "log-prior",
        "name": "log π",
        "mode": "markers",
        "x": [round(float(prior[label]), 4) for label in rows.labels],
        "y": [-row for row in range(len(rows.labels))],
        "marker": {
            "symbol": "diamond-open",
            "size": 12,
            "color": THEME_TEXT,
            "line": {"width": 2},
        },
        "hovertemplate": "log π %{x:+.2f}<extra></extra>",
    }


def _read(shifts: Shifts, prior: NDArray[np.float64], started: RunStarted, chosen: int) -> str:
    groups = shot_groups(started.class_counts)
    words = []
    for kind, values in shifts.items():
        above = values[-1] - prior
        few, many = (float(above[list(labels)].mean()) for labels in (groups.few, groups.many))
        if are_level(started.class_counts):
            words.append(f"{kind} loss {signed(above.min(), 2)} to {signed(above.max(), 2)}")
        else:
            words.append(
                f"{kind} loss {signed(few, 2)} on few-shot classes, {signed(many, 2)} on many-shot "
                "ones"
            )
    return (
        f"At epoch {chosen} the learned shifts differ from log π by: {'; '.join(words)}. A lower "
        "shift makes the student raise the class's own logit."
    )
