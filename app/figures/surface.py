"""What the weight net answers to each pair of losses, and where the training images lie on it.

The paper's Figure 3 at one epoch. S points of `SURFACE_AXIS` along each axis, N training images;
losses are cross-entropies in nats, x of the student and y of the teacher.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.figures.classes import Rows, rows_of
from app.figures.drawing import GROUP_COLOURS, Drawing, Kind, base_layout
from app.figures.level import without_groups
from app.figures.weight_axis import weight_axis_of
from app.figures.weight_health import judge, light_label, read_health
from app.figures.wrong_labels import marked_rows, wrong_marks
from bikd_core.config import WeightScale
from bikd_core.evaluation import surface_at
from bikd_core.events import SURFACE_AXIS, Frame, Panel, RunStarted

Axes = Literal["log", "linear"]
HEIGHT = 396  # px
MAX_IMAGES = 600  # drawn; of more, every n-th of each class, and the sentence says so
LOG_FROM = 1e-5  # nats: the log axes begin here, and lower losses are drawn here
GROUP_SYMBOLS = {"many": "circle", "medium": "diamond", "few": "triangle-up"}
_DENSITY_BINS = 40
_DENSITY_SHARES = (0.5, 0.9)


SURFACE_QUESTIONS: dict[Kind, str] = {
    "hard": "What did the weight net learn for the hard loss?",
    "soft": "… and what for the soft loss?",
}


def response_surface(
    frame: Frame,
    panel: Panel,
    started: RunStarted,
    kind: Kind,
    axes: Axes = "log",
    scale: WeightScale = "sigmoid",
    note: str = "",
) -> Drawing:
    """Return a heat map of w_hard or w_soft over both losses, with the training images on it.

    Both kinds have the same colours and, at one epoch, the same axes.

    Args:
        frame: The epoch's arrays, with a surface and the teacher's losses.
        panel: The labels of the frame's images.
        started: Names and counts of the classes.
        kind: Which of the two.
        axes: The scale of both axes.
        scale: The scale of the weights.
        note: A sentence about the net's inputs, for the end.

    Raises:
        ValueError: The method has no weight net, or no teacher.
    """
    if frame.surface is None or frame.ce_teacher is None:
        raise ValueError("a surface needs a weight net and a teacher")
    column = 0 if kind == "hard" else 1
    values = frame.surface[column].astype(np.float64)
    losses = np.stack([seen_losses(frame), frame.ce_teacher]).astype(np.float64)
    raw_mean = 1.0 if frame.raw_mean is None else float(frame.raw_mean[column])
    weights = surface_at(values, losses)
    if scale == "relative" and frame.weights is not None:  # those that the epoch had
        weights = frame.weights[:, column].astype(np.float64)
    health = judge(weights, scale, raw_mean)
    axis = weight_axis_of(scale)
    rows = rows_of(started.class_names, started.class_counts)
    drawn = drawn_images(panel.labels)
    data = _heat(values, axes, kind, scale)
    if len(drawn) < len(panel.labels):
        data.append(_density(losses, axes))
    data += _images(losses, panel, rows, drawn, axes)
    x, y = np.maximum(losses, LOG_FROM) if axes == "log" else losses
    crossed = np.intersect1d(drawn, marked_rows(panel))
    data += wrong_marks(crossed, x[crossed], y[crossed], panel, started.class_names, in_legend=True)
    sentence = read_health(health, kind, frame.epoch, scale) + _read_images(losses, drawn, axes)
    sentence += f" {note}" if note else ""
    alt = (
        f"Heat map of w_{kind}, the weight of the {kind} loss, over the student's and the "
        f"teacher's cross-entropy ({axes} axes), with training images as points. {sentence} "
        f"Over the whole map w_{kind} runs from {axis.word(values.min())} to "
        f"{axis.word(values.max())}{axis.own_weight}."
    )
    layout = base_layout(
        margin={"l": 68, "r": 12, "t": 34, "b": 84},
        xaxis=loss_axis(title_of_losses(frame), losses[0], axes),
        yaxis=loss_axis("cross-entropy of the teacher (nats)", losses[1], axes),
        annotations=[light_label(health, scale)],
        showlegend=True,
        legend={
            "orientation": "h",
            "x": 0,
            "y": -0.21,
            "yanchor": "top",
            "itemsizing": "constant",
            "bgcolor": "rgba(0,0,0,0)",
        },
    )
    return Drawing(SURFACE_QUESTIONS[kind], sentence, alt, data, layout, HEIGHT)


def seen_losses(frame: Frame) -> NDArray[np.float32]:
    """Return the student's cross-entropies as the weight net saw them, [N]."""
    return frame.ce_student if frame.seen_by_net is None else frame.seen_by_net


def title_of_losses(frame: Frame) -> str:
    """Return the title of the axis of the student's losses."""
    if frame.seen_by_net is None:
        return "cross-entropy of the student (nats)"
    return "student's loss as the net saw it (nats)"


# The surface -----------------------------------------------------------------------------------


def _heat(
    values: NDArray[np.float64], axes: Axes, kind: Kind, scale: WeightScale
) -> list[dict[str, Any]]:
    """Return the map, and the line at the objective's own weight where the scale has one."""
    axis = weight_axis_of(scale)
    # Below the first grid point, 0.001 nats, the net has no slope that could be seen.
    grid = [LOG_FROM if axes == "log" else 0.0, *SURFACE_AXIS.tolist()]
    values = np.pad(values, ((1, 0), (1, 0)), mode="edge")
    places = [float(f"{value:.4g}") for value in grid]
    where = {"type": "contour", "x": places, "y": places, "showlegend": False}
    heat = {
        **where,
        "uid": "surface",
        "name": f"w_{kind}",
        "z": axis.surface_values(values),
        **axis.surface(kind),
        "hovertemplate": f"student %{{x:.3~g}}, teacher %{{y:.3~g}} nats: w_{kind} "
        f"{axis.at_surface}<extra></extra>",
    }
    if scale == "sigmoid":
        return [heat]
    heat["customdata"] = [[float(f"{weight:.2g}") for weight in row] for row in values]
    own = {
        **where,
        "uid": "own-weight",
        "z": heat["z"],
        "showscale": False,
        "autocontour": False,
        "contours": {"coloring": "none", "start": 0, "end": 0, "size": 1},
        "line": {"color": "#222222", "width": 3},
        "hoverinfo": "skip",
    }
    return [heat, own]


def loss_axis(title: str, losses: NDArray[np.float64], axes: Axes) -> dict[str, Any]:
    """Return the axis of somebody's losses, [N]."""
    common = {
        "title": {"text": title, "standoff": 6},
        "uirevision": axes,  # a zoom does not carry over to the other scale
        "showgrid": False,
        "zeroline": False,
        "ticks": "outside",
    }
    ends = [round(float(end), 4) for end in _ends(losses, axes)]
    if axes == "linear":
        return common | {"type": "linear", "range": ends, "nticks": 7}
    return common | {
        "type": "log",
        "range": ends,
        "tickvals": [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10],
        "ticktext": ["≤10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1", "1", "10"],
    }


def _ends(losses: NDArray[np.float64], axes: Axes) -> tuple[float, float]:
    """Return the ends of an axis: in powers of ten if logarithmic, always the same; else from 0.

    A linear axis ends at the power of two above all losses, so that it seldom changes.
    """
    last = float(SURFACE_AXIS[-1])
    if axes == "log":
        return math.log10(LOG_FROM), math.log10(last)
    return 0.0, min(2.0 ** math.ceil(math.log2(max(float(losses.max()), 2**-6))), last)


# The images ------------------------------------------------------------------------------------


def drawn_images(labels: NDArray[np.integer[Any]]) -> NDArray[np.intp]:
    """Return the rows of the images that are drawn: all, or every n-th of each class.

    [N] labels -> [n] rows, the same at each epoch; at least one of each class.
    """
    every = -(-len(labels) // MAX_IMAGES)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return np.sort(np.concatenate([rows[::every] for rows in members]))


def _images(
    losses: NDArray[np.float64],
    panel: Panel,
    rows: Rows,
    drawn: NDArray[np.intp],
    axes: Axes,
) -> list[dict[str, Any]]:
    """Return points: a trace for each class where classes have names, else for each group."""
    groups = dict(zip(rows.labels, rows.groups, strict=True))
    names = dict(zip(rows.labels, rows.names, strict=True))
    traces: dict[str, tuple[str, str, list[int]]] = {}  # by uid: group, words, labels
    for label in rows.labels:
        group = groups[label]
        if rows.are_named:
            shot = "" if rows.are_level else f" ({group})"
            traces[f"images-{label}"] = (group, f"{names[label]}{shot}", [label])
        else:
            words = "some class" if rows.are_level else group
            traces.setdefault(f"images-{group}", (group, words, []))[2].append(label)
    made: list[dict[str, Any]] = []
    for uid, (group, words, labels) in traces.items():
        members = drawn[np.isin(panel.labels[drawn], labels)]
        is_first = group not in [trace["name"] for trace in made]
        made.append(
            _points(
                uid,
                group,
                words,
                losses[:, members],
                members,
                axes,
                is_first=is_first,
                is_crowded=len(drawn) < losses.shape[1],
            )
        )
    return without_groups(made, "training images") if rows.are_level else made


def _points(
    uid: str,
    group: str,
    words: str,
    losses: NDArray[np.float64],
    members: NDArray[np.intp],
    axes: Axes,
    *,
    is_first: bool,
    is_crowded: bool,
) -> dict[str, Any]:
    # Log axes have a beginning: lower losses are drawn there.
    x, y = np.maximum(losses, LOG_FROM) if axes == "log" else losses
    return {
        "type": "scatter",
        "uid": uid,
        "name": group,
        "legendgroup": group,
        "showlegend": is_first,
        "mode": "markers",
        "x": [float(f"{value:.3g}") for value in x],
        "y": [float(f"{value:.3g}") for value in y],
        "customdata": members.tolist(),  # the images' rows in the panel
        "marker": {
            "symbol": GROUP_SYMBOLS[group],
            "size": (9 if group == "few" else 7) - (3 if is_crowded else 0),
            "color": GROUP_COLOURS[group],
            "opacity": 0.7 if is_crowded else 1,  # the outlines of the density lie beneath
            "line": {"color": "#FFFFFF", "width": 0 if is_crowded else 1},
        },
        "hovertemplate": f"image of {words}<br>student %{{x:.3~g}}, teacher %{{y:.3~g}} nats"
        "<extra></extra>",
    }


def _density(losses: NDArray[np.float64], axes: Axes) -> dict[str, Any]:
    """Return outlines of where half and nine tenths of all images lie, drawn or not."""
    at = np.log10(np.maximum(losses, LOG_FROM)) if axes == "log" else losses
    edges = [np.linspace(*_ends(whose, axes), _DENSITY_BINS + 1) for whose in losses]
    counts, _, _ = np.histogram2d(at[1], at[0], bins=[edges[1], edges[0]])
    counts = _smooth(counts)
    middles = [(edge[:-1] + edge[1:]) / 2 for edge in edges]
    x, y = ((10**middle if axes == "log" else middle) for middle in middles)
    parts = np.round(1000 * counts / counts.max()).astype(int)  # whole numbers are short to send
    falling = np.sort(parts, axis=None)[::-1]
    reached = falling.cumsum() / falling.sum()
    half, most = (int(falling[(reached < share).sum()]) for share in _DENSITY_SHARES)
    return {
        "type": "contour",
        "uid": "density",
        "name": "density",
        "showlegend": False,
        "x": [float(f"{place:.3g}") for place in x],
        "y": [float(f"{place:.3g}") for place in y],
        "z": parts.tolist(),
        "showscale": False,
        "autocontour": False,
        "contours": {
            "coloring": "none",
            "start": most,
            "end": half,
            "size": max(half - most, 1),  # two lines, or one where they fall together
        },
        "line": {"color": "#FFFFFF", "width": 2},
        "hoverinfo": "skip",
    }


def _smooth(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return counts blurred by (1, 2, 1)/4 along both axes; nothing leaves at the edges."""
    for _ in (0, 1):
        padded = np.pad(counts, ((1, 1), (0, 0)), mode="edge")
        counts = ((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4).T
    return counts


def _read_images(losses: NDArray[np.float64], drawn: NDArray[np.intp], axes: Axes) -> str:
    """Return the words about images that are not drawn, or not where they are."""
    words = ""
    if len(drawn) < losses.shape[1]:
        words = (
            f" {len(drawn):,} of {losses.shape[1]:,} images are drawn, evenly from each class; "
            "the thick white outlines hold half and nine tenths of all."
        )
    low = int((losses < LOG_FROM).any(axis=0).sum())
    if axes == "log" and low:
        words += f" {low:,} with a loss below 10⁻⁵ are drawn at the edge."
    return words
