"""Who gets how much weight: the distribution in each class, and the thirds' means.

C classes in label order, 64 fixed bins of weight (`bikd_core.evaluation.bin_of`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.accuracy import MAX_POINTS, line_over_epochs, thinned
from app.figures.classes import Rows, are_level, class_axis, row_values, rows_of
from app.figures.drawing import (
    FONT_SIZE,
    GROUP_COLOURS,
    HEIGHT,
    KIND_COLOURS,
    THEME_TEXT,
    Drawing,
    Kind,
    base_layout,
    end_labels,
    epoch_axis,
    epoch_marker,
    packed,
)
from app.figures.flattening import read_flattening
from app.figures.weight_axis import WeightAxis, weight_axis_of
from app.figures.wrong_labels import marked_rows, read_wrong_labels, wrong_marks
from bikd_core.config import WeightScale
from bikd_core.evaluation import head_to_tail, shot_groups
from bikd_core.events import EpochDone, Panel, RunStarted

KINDS: tuple[Kind, Kind] = ("hard", "soft")
_PEAK = 0.88  # of a row's height
_PLOTTED_HEIGHT = HEIGHT - 64  # px
_WHERE = {"few": "on few-shot classes", "many": "on many-shot ones", "all": "on all classes"}


WEIGHT_QUESTIONS: dict[Kind, str] = {
    "hard": "Who gets hard-loss weight?",
    "soft": "… and who gets soft-loss weight?",
}


def weight_distribution(
    histograms: NDArray[np.integer[Any]],
    epoch: EpochDone,
    started: RunStarted,
    kind: Kind,
    *,
    by_class: bool = True,
    scale: WeightScale = "sigmoid",
    panel: Panel | None = None,
    weights: NDArray[np.floating[Any]] | None = None,
) -> Drawing:
    """Return a ridge for each class, head to tail, or for each third; each scaled to its peak.

    Hard and soft have the same axes, bins and colours, so that they can be compared by eye.
    Planted wrong labels are marked at their weights, and a sentence says how they rank.

    Args:
        histograms: [2, C, 64] training images by weight, of hard and of soft.
        epoch: The same epoch's summary, with the mean weights.
        started: Names and counts of the classes.
        kind: Which of the two.
        by_class: Whether each class has a ridge; with more than 20 it has a line of a heat map.
        scale: The scale of the weights.
        panel: The images' labels, needed to mark wrong ones.
        weights: [N, 2] the images' weights, needed for it too.
    """
    rows = rows_of(started.class_names, started.class_counts)
    axis = weight_axis_of(scale)
    counts = histograms[0 if kind == "hard" else 1]
    means = means_of(epoch, kind)
    sentence, alt = _read(means, rows, kind, epoch.epoch, axis)
    marks: list[dict[str, Any]] = []
    if panel is not None and weights is not None and panel.is_wrong is not None:
        column = weights[:, 0 if kind == "hard" else 1]
        marks = _wrong_labels(column, panel, started, axis, by_class=by_class)
        ranked = read_wrong_labels(column, panel, kind)
        sentence, alt = f"{sentence} {ranked}", f"{alt} {ranked}"
    if not by_class:
        counts, means, rows = _grouped(counts, means, rows)
    elif not rows.are_named:
        drawn = _heat_map(counts, rows, kind, axis, sentence, alt)
        return drawn._replace(data=[*drawn.data, *marks])
    data = [
        trace
        for row in range(len(rows.labels))
        for trace in _ridge(counts[rows.labels[row]], row, rows, axis)
    ]
    ordered = [means[label] for label in rows.labels]
    data += [*marks, _mean_ticks(ordered, axis)]
    layout = base_layout(
        margin={"l": rows.left_margin, "r": 52, "t": 12, "b": 52},
        xaxis=_weights_along_x(kind, axis),
        yaxis=class_axis(rows, labels_at=0.3) | {"range": [0.75 - len(rows.labels), 1.05]},
        annotations=row_values([axis.word(mean) for mean in ordered], THEME_TEXT, at=0.3),
        **_at_one(axis),
    )
    return Drawing(WEIGHT_QUESTIONS[kind], sentence, alt, data, layout, max(rows.height, HEIGHT))


def means_of(epoch: EpochDone, kind: Kind) -> tuple[float, ...]:
    """Return the mean weight of each class, in label order.

    Raises:
        ValueError: The method has no weight net.
    """
    means = epoch.w_hard_per_class if kind == "hard" else epoch.w_soft_per_class
    if means is None:
        raise ValueError("a method without a weight net has no weights to draw")
    return means


def _weights_along_x(kind: Kind, axis: WeightAxis) -> dict[str, Any]:
    """Return the x axis of a distribution: the same for both kinds."""
    return {"title": {"text": axis.title_of_kind(kind)}} | axis.binned(room=0.01)


def _at_one(axis: WeightAxis) -> dict[str, Any]:
    """Return the part of a layout that marks the objective's own weight, where there is one."""
    lines = axis.line_at_one("x")
    return {"shapes": lines} if lines else {}


def _ridge(
    counts: NDArray[np.integer[Any]], row: int, rows: Rows, axis: WeightAxis
) -> list[dict[str, Any]]:
    """Return the base line of a row, and the outline of its histogram filled down to it."""
    name, group = rows.names[row], rows.groups[row]
    total, peak = int(counts.sum()), max(int(counts.max()), 1)
    base = {
        "type": "scatter",
        "uid": f"base-{rows.labels[row]}",
        "mode": "lines",
        "x": list(axis.ends),
        "y": [-row, -row],
        "line": {"color": GROUP_COLOURS[group], "width": 1},
        "hoverinfo": "skip",
    }
    outline = {name: part for name, part in base.items() if name != "x"} | {
        "uid": f"ridge-{rows.labels[row]}",
        "name": name,
        **axis.bins("x"),
        "y": [round(-row + _PEAK * float(count) / peak, 3) for count in counts],
        "customdata": counts.tolist(),
        "line": {"color": GROUP_COLOURS[group], "width": 2, "shape": "hvh"},
        "fill": "tonexty",
        "hoverinfo": "all",
        "hovertemplate": f"{name}, weight {axis.at_bin('x')}: %{{customdata}} of {total:,} "
        "images<extra></extra>",
    }
    return [base, outline]


def _wrong_labels(
    weights: NDArray[np.floating[Any]],
    panel: Panel,
    started: RunStarted,
    axis: WeightAxis,
    *,
    by_class: bool,
) -> list[dict[str, Any]]:
    """Return a cross at the weight, [N] of one loss, of each wrong label, on that label's row."""
    counts = started.class_counts
    members: Sequence[tuple[int, ...]] = shot_groups(counts)
    if by_class:
        members = [(label,) for label in head_to_tail(counts)]
    row_of = {label: row for row, labels in enumerate(members) for label in labels}
    marked = marked_rows(panel)
    x = axis.within(weights[marked].astype(np.float64))
    y = np.array([-row_of[label] for label in panel.labels[marked].tolist()], dtype=np.float64)
    return wrong_marks(marked, x, y, panel, started.class_names)


def _mean_ticks(means: list[float], axis: WeightAxis) -> dict[str, Any]:
    return {
        "type": "scatter",
        "uid": "means",
        "mode": "markers",
        "x": [round(float(axis.within(mean)), 4) for mean in means],
        "y": [-row + 0.12 for row in range(len(means))],
        "marker": {
            "symbol": "line-ns-open",
            "size": 13,
            "color": THEME_TEXT,
            "line": {"width": 3, "color": THEME_TEXT},
        },
        "hovertemplate": f"mean %{{x:{axis.value_format}}}{axis.unit}<extra></extra>",
    }


def _grouped(
    counts: NDArray[np.integer[Any]], means: tuple[float, ...], rows: Rows
) -> tuple[NDArray[np.integer[Any]], tuple[float, ...], Rows]:
    """Return three rows instead of C: [C, 64] histograms added up, class means averaged."""
    names = ("many", "medium", "few")
    members = [
        [label for label, group in zip(rows.labels, rows.groups, strict=True) if group == name]
        for name in names
    ]
    images = dict(zip(rows.labels, rows.counts, strict=True))
    return (
        np.stack([counts[labels].sum(axis=0) for labels in members]),
        tuple(float(np.mean([means[label] for label in labels])) for labels in members),
        Rows(
            (0, 1, 2),
            names,
            tuple(sum(images[label] for label in labels) for labels in members),
            names,
        ),
    )


def _heat_map(
    counts: NDArray[np.integer[Any]],
    rows: Rows,
    kind: Kind,
    axis: WeightAxis,
    sentence: str,
    alt: str,
) -> Drawing:
    """Return a line for each class; colour is the share of its images, the same for both kinds."""
    ordered = counts[list(rows.labels)]
    totals = np.maximum(ordered.sum(axis=1, keepdims=True), 1)
    heat = {
        "type": "heatmap",
        "uid": "heat",
        **axis.bins("x"),
        "y0": 0,
        "dy": -1,
        "z": packed(np.round(1000 * ordered / totals).astype(np.int16)),  # per mille
        "zmin": 0,
        "zmax": 500,
        "colorscale": "Cividis",
        "colorbar": {
            "title": {"text": "share", "font": {"size": FONT_SIZE}},
            "thickness": 12,
            "tickvals": [0, 100, 200, 300, 400, 500],
            "ticktext": ["0 %", "10 %", "20 %", "30 %", "40 %", "≥ 50 %"],
        },
        "hovertemplate": f"weight {axis.at_bin('x')}: %{{z}} in 1,000 of the class's images"
        "<extra></extra>",
    }
    layout = base_layout(
        margin={"l": rows.left_margin, "r": 12, "t": 12, "b": 52},
        xaxis=_weights_along_x(kind, axis),
        yaxis=class_axis(rows),
        **_at_one(axis),
    )
    return Drawing(WEIGHT_QUESTIONS[kind], sentence, alt, [heat], layout, rows.height)


def _read(
    means: tuple[float, ...], rows: Rows, kind: Kind, epoch: int, axis: WeightAxis
) -> tuple[str, str]:
    """Return what the figure says, and its alternative text."""
    ordered = [means[label] for label in rows.labels]
    sentence = f"At epoch {epoch} {_by_group(ordered, rows, kind, axis)}"
    listed = ", ".join(
        f"{name} {axis.word(value)}" for name, value in zip(rows.names, ordered, strict=True)
    )
    alt = (
        f"Distribution of the weight of the {kind} loss in each class, head to tail. {sentence} "
        f"Means: {listed}."
    )
    return sentence, alt


def _by_group(ordered: list[float], rows: Rows, kind: Kind, axis: WeightAxis) -> str:
    """Return the mean weight of few-shot and of many-shot classes, or of all if none is larger."""
    if rows.are_level:
        return (
            f"the classes, of {rows.counts[0]:,} images each, get "
            f"{axis.word(float(np.mean(ordered)))}{axis.own_weight} (mean w_{kind} over classes)."
        )
    few, many = (
        float(np.mean([m for m, g in zip(ordered, rows.groups, strict=True) if g == group]))
        for group in ("few", "many")
    )
    return (
        f"few-shot classes get {axis.word(few)}, many-shot ones {axis.word(many)}{axis.own_weight} "
        f"(mean w_{kind} over classes)."
    )


MEAN_WEIGHTS_QUESTION = "Does the weight move from head to tail?"


def mean_weights(
    epochs: Sequence[EpochDone],
    started: RunStarted,
    chosen: int,
    planned: int,
    scale: WeightScale = "sigmoid",
) -> Drawing:
    """Return lines of the mean w_hard and w_soft of few-shot and of many-shot classes.

    Of all classes, where they have as many images each.
    """
    axis = weight_axis_of(scale)
    groups = shot_groups(started.class_counts)
    members = {"few": groups.few, "many": groups.many}
    if are_level(started.class_counts):
        members = {"all": tuple(range(len(started.class_counts)))}
    kinds = [kind for kind in KINDS if kind == "hard" or epochs[0].w_soft_per_class is not None]
    means = {kind: np.array([means_of(epoch, kind) for epoch in epochs]) for kind in kinds}
    lines: dict[str, list[float]] = {
        f"{kind}, {group}": means[kind][:, list(labels)].mean(axis=1).tolist()
        for kind in kinds
        for group, labels in members.items()
    }
    every = math.ceil(len(epochs) / MAX_POINTS)
    dashes = {"hard, few": "solid", "hard, many": "dot", "soft, few": "dash", "hard, all": "solid"}
    colours = {name: KIND_COLOURS[name.split(",")[0]] for name in lines}
    data = [
        line_over_epochs(
            name,
            axis.within(np.array(line)).tolist(),
            every,
            colours[name],
            dashes.get(name, "dashdot"),
            unit=axis.unit,
        )
        for name, line in lines.items()
    ]
    ends = {
        name: (float(axis.position(axis.within(line[-1]))), colours[name])
        for name, line in lines.items()
    }
    at = {name: line[chosen - 1] for name, line in lines.items()}
    in_words = [
        f"w_{kind} is "
        + ", ".join(f"{axis.word(at[f'{kind}, {group}'])} {_WHERE[group]}" for group in members)
        for kind in kinds
    ]
    sentence = (
        f"At epoch {chosen} mean {'; mean '.join(in_words)}.{thinned(every)}"
        f"{read_flattening(epochs, started, chosen, axis)}"
    )
    y_axis = axis.over_epochs([value for line in lines.values() for value in line])
    low, high = y_axis["range"]
    layout = base_layout(
        hovermode="x unified",
        xaxis=epoch_axis(planned),
        yaxis={"title": {"text": axis.title_of("mean weight")}} | y_axis,
        shapes=[epoch_marker(chosen), *axis.line_at_one("y")],
        annotations=end_labels(ends, _PLOTTED_HEIGHT, high - low),
    )
    alt = f"Line chart of the mean weights over {len(epochs)} epochs. {sentence}"
    return Drawing(MEAN_WEIGHTS_QUESTION, sentence, alt, data, layout, HEIGHT)
