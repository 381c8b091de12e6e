"""The first half of a step: the batch, and what pulls the (virtual) student."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.classes import row_values
from app.figures.drawing import (
    GROUP_COLOURS,
    KIND_COLOURS,
    THEME_BACKGROUND,
    THEME_TEXT,
    Drawing,
    base_layout,
)
from app.figures.level import without_groups
from app.figures.step.step import (
    GROUP_SYMBOLS,
    GROUPS,
    PICTURES_A_ROW,
    Step,
    band_axis,
    band_height,
    left_margin,
    legend_on_top,
    plural,
)
from app.figures.weight_axis import weight_axis_of

LEAST_LOSS, MOST_LOSS = 1e-3, 16.0  # nats, the ends of the loss axis: a smaller one is drawn there
_ROW_HEIGHT = 25  # px for one class with its pictures
_PICTURES_END = 0.4  # of the plot's width


BATCH_QUESTION = "Who is in this batch, and how well is it known?"


def batch(step: Step, strips: Sequence[str] = ()) -> Drawing:
    """Return the batch's pictures by class, with the student's and the teacher's loss on them.

    Args:
        step: The step.
        strips: For each band the pictures in one row, as a data URI ("" for none); empty
            where the pictures are not at hand.
    """
    trace = step.trace
    data = [
        _losses(step, group, "student", trace.ce_student, 0.16, GROUP_SYMBOLS[group])
        for group in GROUPS
    ]
    if not step.has_groups:
        data = without_groups(data, "student")
    if trace.ce_teacher is not None:
        data.append(_losses(step, None, "teacher", trace.ce_teacher, -0.2, "diamond-open"))
    x_axis = {
        "title": {"text": "cross-entropy of one picture (nats, log scale)", "standoff": 8},
        "type": "log",
        "range": [np.log10(LEAST_LOSS) - 0.1, np.log10(MOST_LOSS)],
        "tickvals": [0.001, 0.01, 0.1, 1, 10],
        "ticktext": ["≤ 0.001", "0.01", "0.1", "1", "10"],
        "domain": [_PICTURES_END if any(strips) else 0, 1],
        "zeroline": False,
    }
    layout = base_layout(
        margin={"l": left_margin(step), "r": 16, "t": 34, "b": 52},
        xaxis=x_axis,
        yaxis=band_axis(step) | {"showgrid": True},
        images=[_strip(strip, row) for row, strip in enumerate(strips) if strip],
        annotations=[
            _part_shown(len(step.bands[row].members), row)
            for row, strip in enumerate(strips)
            if strip and len(step.bands[row].members) > PICTURES_A_ROW
        ],
        **legend_on_top(),
    )
    sentence = _read_batch(step)
    alt = f"Losses of the batch's pictures by class, head to tail. {sentence}"
    return Drawing(BATCH_QUESTION, sentence, alt, data, layout, band_height(step, _ROW_HEIGHT))


def _losses(
    step: Step,
    group: str | None,
    whose: str,
    values: NDArray[np.floating[Any]],
    shift: float,
    symbol: str,
) -> dict[str, Any]:
    """Return markers of one third's pictures, or of all, `shift` rows above the band's middle."""
    names = step.names()
    places = [
        (place, row)
        for row, band in enumerate(step.bands)
        for place in band.members
        if group in (None, band.group)
    ]
    is_teacher = group is None
    return {
        "type": "scatter",
        "uid": whose if group is None else f"{whose}-{group}",
        "name": whose if group is None else f"{whose}, {group}",
        "mode": "markers",
        "x": [round(max(float(values[place]), LEAST_LOSS), 4) for place, _ in places],
        "y": [-row + shift for _, row in places],
        "customdata": [[names[place], round(float(values[place]), 4)] for place, _ in places],
        "marker": {
            "symbol": symbol,
            "size": 8 if is_teacher else 10,
            "opacity": 0.75,
            "color": THEME_TEXT if group is None else GROUP_COLOURS[group],
        },
        "hovertemplate": f"%{{customdata[0]}}<br>{whose}: %{{customdata[1]}}<extra></extra>",
    }


def _strip(source: str, row: int) -> dict[str, Any]:
    """Return pictures in a row, between the class's name and its losses."""
    return {
        "source": source,
        "xref": "paper",
        "yref": "y",
        "x": 0.01,
        "y": -row,
        "xanchor": "left",
        "yanchor": "middle",
        "sizex": _PICTURES_END - 0.09,
        "sizey": 0.86,
        "sizing": "contain",
        "layer": "above",
    }


def _part_shown(count: int, row: int) -> dict[str, Any]:
    """Return how many of a class's pictures its row shows, behind them."""
    return {
        "text": f"{PICTURES_A_ROW} of {count}",
        "xref": "paper",
        "x": _PICTURES_END - 0.015,
        "xanchor": "right",
        "y": -row,
        "yanchor": "middle",
        "showarrow": False,
        "bgcolor": THEME_BACKGROUND,  # over the last pictures where the page is narrow
        "font": {"size": 12, "color": THEME_TEXT},
    }


def _read_batch(step: Step) -> str:
    many, few = (step.members_of(group) for group in ("many", "few"))
    losses = step.trace.ce_student.astype(np.float64)
    words = f"The student's mean cross-entropy is {losses.mean():.2f}"
    if step.has_groups:
        words = (
            f"Of the {plural(step.size, 'picture')} {len(many)} are of many-shot classes and "
            f"{len(few)} of few-shot ones. {words}"
        )
    if len(many) and len(few) and step.has_groups:
        words += f": {losses[many].mean():.2f} on many, {losses[few].mean():.2f} on few"
    if step.trace.ce_teacher is not None:
        words += f"; the teacher's is {float(step.trace.ce_teacher.mean()):.2f}"
    return f"{words}."


PULL_QUESTION = "Which losses pull the student?"


def pull(step: Step) -> Drawing:
    """Return how much each class adds to the loss that the student descends, hard and soft.

    Where the two parts are not known, each class has one bar.
    """
    is_split = step.can_be_split
    values = step.parts() if is_split else step.trace.losses.astype(np.float64)[:, None]
    values = values / step.size
    parts = np.array([values[band.members].sum(axis=0) for band in step.bands])  # [bands, 1 or 2]
    names = step.kinds if is_split else ("loss",)
    data = [
        {
            "type": "bar",
            "uid": f"pull-{name}",
            "name": _bar_name(step, name),
            "orientation": "h",
            "x": np.round(parts[:, column], 5).tolist(),
            "y": [-row for row in range(len(parts))],
            "customdata": [band.name for band in step.bands],
            "marker": {
                "color": KIND_COLOURS.get(name)
                or [GROUP_COLOURS[band.group] for band in step.bands],
                "pattern": {"shape": "/" if name == "soft" else "", "solidity": 0.3},
            },
            "hovertemplate": f"%{{customdata}}: %{{x:.4f}} from the {name} loss<extra></extra>"
            if is_split
            else "%{customdata}: %{x:.4f}<extra></extra>",
        }
        for column, name in enumerate(names)
    ]
    layout = base_layout(
        margin={"l": left_margin(step), "r": 60, "t": 34, "b": 52},
        barmode="stack",
        bargap=0.35,
        xaxis={
            "title": {"text": "part of the batch's loss (nats)", "standoff": 8},
            "rangemode": "tozero",
        },
        yaxis=band_axis(step),
        annotations=row_values([f"{part:.3f}" for part in parts.sum(axis=1)], THEME_TEXT),
        **(legend_on_top() if is_split else {}),
    )
    sentence = _read_pull(step, parts, is_split=is_split)
    alt = f"Bars of what each class adds to the loss, head to tail. {sentence}"
    return Drawing(PULL_QUESTION, sentence, alt, data, layout, band_height(step))


def _bar_name(step: Step, part: str) -> str:
    """Return the name of the bars of the hard or the soft part, or of the whole loss."""
    if part == "loss":
        return part
    return f"{part} loss, weighted" if step.has_weight_net else f"{part} loss"


def _read_pull(step: Step, parts: NDArray[np.float64], *, is_split: bool) -> str:
    total = float(parts.sum())
    of_few = float(
        sum(part.sum() for part, band in zip(parts, step.bands, strict=True) if band.group == "few")
    )
    share = f"{100 * of_few / total:.0f} %" if total > 0 else "nothing"
    weights = step.trace.weights_before
    if weights is None:
        split = ""
        if is_split:
            hard, soft = parts.sum(axis=0)
            split = f" ({hard:.3f} from the hard loss, {soft:.3f} from the soft loss)"
        words = f"The student descends the plain mean, {total:.3f}{split}"
        if not step.has_groups:
            return f"{words}. All classes are equally large."
        return (
            f"{words}; few-shot classes are {share} of it, with {len(step.members_of('few'))} of "
            f"{step.size} pictures. Nobody asks whether that is what balanced data would want."
        )
    share_of_few = f" Few-shot classes are {share} of it." * step.has_groups
    axis = weight_axis_of(step.scale)
    means = [axis.word(mean) for mean in weights.astype(np.float64).mean(axis=0)]
    then = "A copy of the student, θ′, goes one step down; the student itself still waits at θ."
    if not is_split:
        listed = " and ".join(
            f"{mean} for the {kind} loss" for kind, mean in zip(step.kinds, means, strict=False)
        )
        return f"The loss is {total:.3f}, with a mean weight of {listed}.{share_of_few} {then}"
    listed = ", ".join(
        f"{part:.3f} from the {kind} loss ({'mean weight ' if kind == 'hard' else ''}{mean})"
        for kind, part, mean in zip(step.kinds, parts.sum(axis=0), means, strict=False)
    )
    return f"L_tr = {total:.3f}: {listed}.{share_of_few} {then}"
