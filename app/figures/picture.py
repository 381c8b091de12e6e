"""One training picture over the epochs: its weights, its losses, its pull on the validation loss.

Lines have the epochs 1, 1 + every, 1 + 2·every …: every epoch in a run of usual length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.figures.accuracy import line_over_epochs, thinned
from app.figures.drawing import (
    FONT_SIZE,
    KIND_COLOURS,
    THEME_TEXT,
    Drawing,
    base_layout,
    empty,
    end_labels,
    epoch_axis,
    epoch_marker,
)
from app.figures.weight_axis import weight_axis_of
from bikd_core.config import WeightScale

PICTURE_HEIGHT = 220  # px: beside the gallery, on a screen of 720
_PLOTTED_HEIGHT = PICTURE_HEIGHT - 64  # px
_TEACHER_COLOUR = "#009E73"

Line = Sequence[float]
Gaps = Sequence[float | None]  # a line with None in epochs without a value


PICTURE_WEIGHTS_QUESTION = "How much weight does this picture get?"


def picture_weights(
    hard: Line,
    soft: Line | None,
    what: str,
    every: int,
    chosen: int,
    planned: int,
    scale: WeightScale = "sigmoid",
) -> Drawing:
    """Return the weights of one picture over the epochs.

    Args:
        hard: w_hard at the epochs drawn.
        soft: w_soft, likewise; None for a method with one loss.
        what: The picture, as a sentence names it: "this digit 9".
        every: Epochs from one value to the next.
        chosen: The epoch looked at.
        planned: Planned epochs of the run.
        scale: The scale of the weights.
    """
    axis = weight_axis_of(scale)
    at = (chosen - 1) // every
    lines = {"hard": hard} | ({} if soft is None else {"soft": soft})
    now = " and ".join(f"w_{kind} {axis.word(line[at])}" for kind, line in lines.items())
    first = " and ".join(axis.word(line[0]) for line in lines.values())
    sentence = (
        f"At epoch {chosen} {what} gets {now}{axis.own_weight}; at epoch 1 it got {first}."
        f"{thinned(every)}"
    )
    y_axis = axis.over_epochs([value for line in lines.values() for value in line])
    low, high = y_axis["range"]
    ends = {
        kind: (float(axis.position(axis.within(line[-1]))), KIND_COLOURS[kind])
        for kind, line in lines.items()
    }
    layout = _layout(chosen, planned)
    layout |= {
        "yaxis": {"title": {"text": axis.title_of("weight")}} | y_axis,
        "annotations": end_labels(ends, _PLOTTED_HEIGHT, high - low),
        "shapes": [*layout["shapes"], *axis.line_at_one("y")],
    }
    drawn = {kind: axis.within(np.array(line)).tolist() for kind, line in lines.items()}
    number = "two weights" if soft is not None else "weight"
    alt = f"Line chart of the {number} of one picture over the epochs. {sentence}"
    data = _by_kind(drawn, every, axis.unit)
    return Drawing(PICTURE_WEIGHTS_QUESTION, sentence, alt, data, layout, PICTURE_HEIGHT)


PICTURE_LOSSES_QUESTION = "Do student and teacher know it?"


def picture_losses(
    student: Line, teacher: Line | None, what: str, every: int, chosen: int, planned: int
) -> Drawing:
    """Return the student's and the teacher's cross-entropy on one picture, in nats.

    Arguments are those of `picture_weights`; `teacher` is None for a method without one.
    """
    now = student[(chosen - 1) // every]
    lines = {"student": (student, THEME_TEXT, "solid")}
    words = ""
    if teacher is not None:
        lines["teacher"] = (teacher, _TEACHER_COLOUR, "dash")
        words = f", the teacher's {_nats(teacher[(chosen - 1) // every])}"
    sentence = (
        f"At epoch {chosen} the student's cross-entropy on {what} is {_nats(now)}{words}; "
        f"at epoch 1 the student's was {_nats(student[0])}.{thinned(every)}"
    )
    top = 1.05 * max(max(line) for line, _, _ in lines.values()) or 1.0
    ends = {name: (line[-1], colour) for name, (line, colour, _) in lines.items()}
    layout = _layout(chosen, planned) | {
        "yaxis": {"title": {"text": "cross-entropy (nats)"}, "range": [0, top], "zeroline": False},
        "annotations": end_labels(ends, _PLOTTED_HEIGHT, top),
    }
    data = [_line(name, line, every, colour, dash) for name, (line, colour, dash) in lines.items()]
    alt = f"Line chart of the losses on one picture over the epochs. {sentence}"
    return Drawing(PICTURE_LOSSES_QUESTION, sentence, alt, data, layout, PICTURE_HEIGHT)


PICTURE_INFLUENCE_QUESTION = "Does the validation set want more of it?"


def picture_influence(
    hard: Gaps, soft: Gaps | None, what: str, every: int, chosen: int, planned: int
) -> Drawing:
    """Return the pull of one picture's losses on the validation loss: −v·∇L, v = ∇L_val(θ').

    Negative: the validation set wants more of that loss. Arguments are those of `picture_weights`;
    an epoch in which the picture's step had no hypergradient is a gap.
    """
    lines = {"hard": hard} | ({} if soft is None else {"soft": soft})
    known = [value for line in lines.values() for value in line if value is not None]
    if not known:
        why = f"None of the steps with {what} had a hypergradient, so nothing is known."
        return empty(PICTURE_INFLUENCE_QUESTION, why, PICTURE_HEIGHT)
    low, high = min(*known, 0.0), max(*known, 0.0)
    margin = 0.12 * (high - low) or 1.0
    ends = {kind: (_last(line), KIND_COLOURS[kind]) for kind, line in lines.items()}
    sentence = _read_influence(lines, what, every, chosen) + thinned(every)
    layout = _layout(chosen, planned) | {
        "yaxis": {
            "title": {"text": "influence on D_val's loss"},
            "range": [low - margin, high + margin],
            "zeroline": True,
        },
        "annotations": [
            *end_labels(ends, _PLOTTED_HEIGHT, high - low + 2 * margin),
            _corner("↑ wants less of it", top=True),
            _corner("↓ wants more of it", top=False),
        ],
    }
    alt = f"Line chart of one picture's influence over the epochs. {sentence}"
    data = _by_kind(lines, every)
    return Drawing(PICTURE_INFLUENCE_QUESTION, sentence, alt, data, layout, PICTURE_HEIGHT)


def _read_influence(lines: Mapping[str, Gaps], what: str, every: int, chosen: int) -> str:
    now = {kind: line[(chosen - 1) // every] for kind, line in lines.items()}
    wants = [
        f"{'more' if value < 0 else 'less'} of its {kind} loss ({_signed(value)})"
        for kind, value in now.items()
        if value is not None
    ]
    without = sum(value is None for value in lines["hard"])
    words = f" {without:,} of {len(lines['hard']):,} epochs drawn have none." if without else ""
    if not wants:
        return f"At epoch {chosen} the step with {what} had no hypergradient.{words}"
    return (
        f"At epoch {chosen} the validation set wants {' and '.join(wants)} for "
        f"{what}: negative is more.{words}"
    )


def _layout(chosen: int, planned: int) -> dict[str, Any]:
    return base_layout(
        hovermode="x unified",
        margin={"l": 62, "r": 72, "t": 12, "b": 52},
        xaxis=epoch_axis(planned) | {"nticks": 6},
        shapes=[epoch_marker(chosen)],
    )


def _by_kind(lines: Mapping[str, Gaps], every: int, unit: str = "") -> list[dict[str, Any]]:
    dashes = {"hard": "solid", "soft": "dash"}
    return [
        _line(kind, line, every, KIND_COLOURS[kind], dashes[kind], unit)
        for kind, line in lines.items()
    ]


def _line(
    name: str, line: Gaps, every: int, colour: str, dash: str, unit: str = ""
) -> dict[str, Any]:
    return line_over_epochs(name, line, 1, colour, dash, unit=unit) | {"dx": every}


def _last(line: Gaps) -> float:
    """Return the last value of a line, beside which its label stands; 0 if it has none."""
    return next((value for value in reversed(line) if value is not None), 0.0)


def _corner(text: str, *, top: bool) -> dict[str, Any]:
    return {
        "text": text,
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "xshift": 6,
        "y": 1 if top else 0,
        "yref": "paper",
        "yanchor": "top" if top else "bottom",
        "showarrow": False,
        "font": {"color": THEME_TEXT, "size": FONT_SIZE},
    }


def _signed(value: float) -> str:
    return f"{value:+.2g}".replace("-", "−")


def _nats(value: float) -> str:
    return f"{value:.2f}" if value >= 0.005 else f"{value:.1g}"
