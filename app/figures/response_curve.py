"""What a weight net without a teacher answers to each loss of the student, and where images lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.classes import rows_of
from app.figures.drawing import GROUP_COLOURS, KIND_COLOURS, Drawing, base_layout
from app.figures.level import without_groups
from app.figures.surface import (
    GROUP_SYMBOLS,
    HEIGHT,
    LOG_FROM,
    SURFACE_QUESTIONS,
    Axes,
    drawn_images,
    loss_axis,
    seen_losses,
    title_of_losses,
)
from app.figures.weight_axis import WeightAxis, weight_axis_of
from app.figures.weight_health import judge, light_label, read_health
from app.figures.wrong_labels import marked_rows, wrong_marks
from bikd_core.config import WeightScale
from bikd_core.events import SURFACE_AXIS, Frame, Panel, RunStarted


def response_curve(
    frame: Frame,
    panel: Panel,
    started: RunStarted,
    axes: Axes = "log",
    scale: WeightScale = "sigmoid",
    note: str = "",
) -> Drawing:
    """Return w_hard over the student's loss, with the training images at their weights.

    Args:
        frame: The epoch's arrays, with a surface and weights.
        panel: The labels of the frame's images.
        started: Names and counts of the classes.
        axes: The scale of the axis of the loss.
        scale: The scale of the weights.
        note: A sentence about the net's input, for the end.

    Raises:
        ValueError: The method has no weight net.
    """
    if frame.surface is None or frame.weights is None:
        raise ValueError("a curve needs a weight net")
    axis = weight_axis_of(scale)
    answers = frame.surface[0, 0].astype(np.float64)
    weights, losses = frame.weights[:, 0].astype(np.float64), seen_losses(frame).astype(np.float64)
    raw_mean = 1.0 if frame.raw_mean is None else float(frame.raw_mean[0])
    health = judge(weights, scale, raw_mean)
    drawn = drawn_images(panel.labels)
    sentence = read_health(health, "hard", frame.epoch, scale)
    if len(drawn) < len(losses):
        sentence += f" {len(drawn):,} of {len(losses):,} images are drawn, evenly from each class."
    sentence += f" {note}" if note else ""
    layout = base_layout(
        margin={"l": 68, "r": 16, "t": 34, "b": 84},
        xaxis=loss_axis(title_of_losses(frame), losses, axes) | {"showgrid": True},
        yaxis={"title": {"text": axis.title_of("w_hard")}} | axis.over_epochs([*axis.ends]),
        shapes=axis.line_at_one("y"),
        annotations=[light_label(health, scale)],
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": -0.21, "yanchor": "top"},
    )
    crossed = np.intersect1d(drawn, marked_rows(panel))
    x = np.maximum(losses, LOG_FROM) if axes == "log" else losses
    data = [
        _curve(answers, axis, axes),
        *_points(losses, weights, panel, started, drawn, axis, axes),
        *wrong_marks(
            crossed,
            x[crossed],
            axis.within(weights[crossed]),
            panel,
            started.class_names,
            in_legend=True,
        ),
    ]
    alt = f"Curve of w_hard over the student's cross-entropy, with training images. {sentence}"
    return Drawing(SURFACE_QUESTIONS["hard"], sentence, alt, data, layout, HEIGHT)


def _curve(answers: NDArray[np.float64], axis: WeightAxis, axes: Axes) -> dict[str, Any]:
    # Below the first grid point, 0.001 nats, the net has no slope that could be seen.
    first = LOG_FROM if axes == "log" else 0.0
    drawn = axis.within(np.concatenate([answers[:1], answers]))
    return {
        "type": "scatter",
        "uid": "curve",
        "name": "weight net",
        "mode": "lines",
        "x": [float(f"{place:.4g}") for place in (first, *SURFACE_AXIS.tolist())],
        "y": np.round(drawn, 4).tolist(),
        "line": {"color": KIND_COLOURS["hard"], "width": 4},
        "showlegend": False,
        "hovertemplate": f"student %{{x:.3~g}} nats: w_hard %{{y:{axis.value_format}}}{axis.unit}"
        "<extra></extra>",
    }


def _points(
    losses: NDArray[np.float64],
    weights: NDArray[np.float64],
    panel: Panel,
    started: RunStarted,
    drawn: NDArray[np.intp],
    axis: WeightAxis,
    axes: Axes,
) -> list[dict[str, Any]]:
    """Return the images by group, at the weights of their own steps."""
    rows = rows_of(started.class_names, started.class_counts)
    shot = "some class" if rows.are_level else "a {}-shot class"
    traces = []
    for group, symbol in GROUP_SYMBOLS.items():
        labels = [n for n, g in zip(rows.labels, rows.groups, strict=True) if g == group]
        members = drawn[np.isin(panel.labels[drawn], labels)]
        x = np.maximum(losses[members], LOG_FROM) if axes == "log" else losses[members]
        traces.append(
            {
                "type": "scatter",
                "uid": f"images-{group}",
                "name": group,
                "mode": "markers",
                "x": [float(f"{value:.3g}") for value in x],
                "y": [float(f"{value:.3g}") for value in axis.within(weights[members])],
                "customdata": members.tolist(),  # the images' rows in the panel
                "marker": {
                    "symbol": symbol,
                    "size": 9 if group == "few" else 7,
                    "color": GROUP_COLOURS[group],
                    "opacity": 0.8,
                },
                "hovertemplate": f"image of {shot.format(group)}<br>student %{{x:.3~g}} nats: "
                f"w_hard %{{y:{axis.value_format}}}{axis.unit}<extra></extra>",
            }
        )
    return without_groups(traces, "training images") if rows.are_level else traces
