"""The end of a step: the weights before it and after it, with which the real student steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.classes import row_values
from app.figures.drawing import GROUP_COLOURS, THEME_TEXT, Drawing, Group, Kind, base_layout
from app.figures.step.step import (
    KINDS,
    Step,
    band_axis,
    band_height,
    left_margin,
    legend_on_top,
)
from app.figures.weight_axis import weight_axis_of
from bikd_core.config import signed

_MAGNIFICATIONS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_SPREAD = 0.56  # of a band's height, over which its pictures are spread


NEW_WEIGHTS_QUESTIONS: dict[Kind, str] = {
    "hard": "Who has how much hard-loss weight now?",
    "soft": "… and how much soft-loss weight?",
}


def new_weights(step: Step, kind: Kind) -> Drawing:
    """Return a dumbbell for each picture, old weight (ring) to new (dot), on a common axis.

    One step moves weights by thousandths: so the axis is cut to the weights that occur, moves
    are drawn enlarged, and the legend says how much. Hover texts have the true numbers.

    Args:
        step: A step of a method with a weight net.
        kind: The weights of which loss.
    """
    column = KINDS.index(kind)
    change = step.change()[:, column]
    axis = weight_axis_of(step.scale)
    before, after = _weights(step)
    times = magnification(step)
    start, moved = _positions(step)
    drawn = axis.weight_at(start + times * (moved - start))
    places = [
        (int(place), -row + _offset(number, len(band.members)))
        for row, band in enumerate(step.bands)
        for number, place in enumerate(band.members)
    ]
    data = [
        _bars_between(places, before[:, column], drawn[:, column]),
        _ends(step, places, before[:, column], before[:, column], "before", "circle-open"),
        _ends(step, places, drawn[:, column], after[:, column], _after(times), "circle"),
    ]
    layout = base_layout(
        margin={"l": left_margin(step), "r": 72, "t": 34, "b": 52},
        xaxis={
            "title": {"text": axis.title_of_kind(kind, is_whole=False), "standoff": 8},
            **axis.zoomed(_range(start, start + times * (moved - start))),
        },
        yaxis=band_axis(step),
        annotations=row_values(_means(step, change), THEME_TEXT),
        **legend_on_top(),
    )
    sentence = _read(step, kind, after[:, column], change)
    alt = f"Dumbbells from old to new weight, by class, head to tail. {sentence}"
    return Drawing(NEW_WEIGHTS_QUESTIONS[kind], sentence, alt, data, layout, band_height(step))


def _positions(step: Step) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where the old and the new weights lie on their axis, [B, 2]; [B, 1] for one loss."""
    axis, (before, after) = weight_axis_of(step.scale), _weights(step)
    columns = len(step.kinds)
    return axis.position(before[:, :columns]), axis.position(after[:, :columns])


def _weights(step: Step) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    before, after = step.trace.weights_before, step.trace.weights_after
    if before is None or after is None:
        raise ValueError("a method without a weight net has no weights to draw")
    return before.astype(np.float64), after.astype(np.float64)


def magnification(step: Step) -> int:
    """Return how many times enlarged a step's moves are drawn: to at most a tenth of the axis."""
    before, after = _positions(step)
    longest = float(np.abs(after - before).max())
    span = max(float(before.max() - before.min()), 0.01)
    fitting = [times for times in _MAGNIFICATIONS if times * longest <= 0.1 * span]
    return fitting[-1] if fitting and longest > 0 else 1


def _after(times: int) -> str:
    return "after" if times == 1 else f"after (moves × {times})"


def _offset(number: int, of: int) -> float:
    """Return where in its band a picture stands: in the middle, or spread from top to bottom."""
    return 0.0 if of < 2 else _SPREAD * (0.5 - number / (of - 1))


def _range(before: NDArray[np.float64], after: NDArray[np.float64]) -> list[float]:
    low, high = min(before.min(), after.min()), max(before.max(), after.max())
    room = max(0.06 * (high - low), 0.004)
    return [round(float(low - room), 4), round(float(high + room), 4)]


def _bars_between(
    places: list[tuple[int, float]], before: NDArray[np.float64], after: NDArray[np.float64]
) -> dict[str, Any]:
    """Return all bars in one trace, with gaps."""
    x: list[float | None] = []
    y: list[float | None] = []
    for place, height in places:
        x += [round(float(before[place]), 5), round(float(after[place]), 5), None]
        y += [round(height, 3), round(height, 3), None]
    return {
        "type": "scatter",
        "uid": "between",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"color": THEME_TEXT, "width": 2},
        "opacity": 0.6,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _ends(
    step: Step,
    places: list[tuple[int, float]],
    x: NDArray[np.float64],
    weights: NDArray[np.float64],
    when: str,
    symbol: str,
) -> dict[str, Any]:
    names = step.names()
    return {
        "type": "scatter",
        "uid": when.split()[0],
        "name": when,
        "mode": "markers",
        "x": [round(float(x[place]), 5) for place, _ in places],
        "y": [round(height, 3) for _, height in places],
        "customdata": [[names[place], round(float(weights[place]), 5)] for place, _ in places],
        "marker": {
            "symbol": symbol,
            "size": 7,
            "color": [GROUP_COLOURS[step.groups[place]] for place, _ in places],
        },
        "hovertemplate": f"%{{customdata[0]}}<br>{when.split()[0]}: %{{customdata[1]:.4f}}"
        f"{weight_axis_of(step.scale).unit}<extra></extra>",
    }


def _means(step: Step, change: NDArray[np.float64]) -> list[str]:
    """Return each band's mean change, for the right margin."""
    return [
        signed(float(change[band.members].mean()), 4) if len(band.members) else ""
        for band in step.bands
    ]


def _read(step: Step, kind: Kind, after: NDArray[np.float64], change: NDArray[np.float64]) -> str:
    axis = weight_axis_of(step.scale)
    if not change.any():
        mean = axis.word(float(after.mean()), 3)
        return (
            f"Nobody: the weight net has not moved, so the mean w_{kind} stays {mean} and the "
            "real student steps with the weights that θ′ had."
        )
    groups: tuple[Group, ...] = ("many", "few") if step.has_groups else ()
    members = {group: step.members_of(group) for group in groups}
    thirds = ", ".join(
        f"{signed(float(change[places].mean()), 4)}{axis.unit} to "
        f"{axis.word(float(after[places].mean()), 3)} on {group}"
        for group, places in members.items()
        if len(places)
    )
    return (
        f"Mean w_{kind}: {thirds or signed(float(change.mean()), 4)}. With these weights the real "
        f"student descends {float(step.trace.losses.mean()):.3f}. Right margin: mean change."
    )
