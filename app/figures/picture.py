"""One training picture over the epochs: its weights, its losses, its pull on the validation loss.

Lines have the epochs 1, 1 + every, 1 + 2·every …: every epoch in a run of usual length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.figures.accuracy import line_over_epochs, thinned
from app.figures.drawing import (
    FONT_SIZE,
    KIND_COLOURS,
    THEME_TEXT,
    Drawing,
    base_layout,
    end_labels,
    epoch_axis,
    epoch_marker,
)

PICTURE_HEIGHT = 270  # px
_PLOTTED_HEIGHT = PICTURE_HEIGHT - 64  # px
_TEACHER_COLOUR = "#009E73"

Line = Sequence[float]


PICTURE_WEIGHTS_QUESTION = "How much weight does this picture get?"


def picture_weights(
    hard: Line, soft: Line, what: str, every: int, chosen: int, planned: int
) -> Drawing:
    """Return both weights of one picture over the epochs.

    Args:
        hard: w_hard at the epochs drawn, in [0, 1].
        soft: w_soft, likewise.
        what: The picture, as a sentence names it: "this digit 9".
        every: Epochs from one value to the next.
        chosen: The epoch looked at.
        planned: Planned epochs of the run.
    """
    at = (chosen - 1) // every
    sentence = (
        f"At epoch {chosen} {what} gets w_hard {hard[at]:.2f} and w_soft {soft[at]:.2f}; "
        f"at epoch 1 it got {hard[0]:.2f} and {soft[0]:.2f}.{thinned(every)}"
    )
    layout = _layout(chosen, planned) | {
        "yaxis": {"title": {"text": "weight (0 … 1)"}, "range": [0, 1.01], "zeroline": False},
        "annotations": end_labels(_ends(hard, soft), _PLOTTED_HEIGHT, 1.01),
    }
    alt = f"Line chart of the two weights of one picture over the epochs. {sentence}"
    data = _hard_and_soft(hard, soft, every)
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
    hard: Line, soft: Line, what: str, every: int, chosen: int, planned: int
) -> Drawing:
    """Return the pull of one picture's two losses on the validation loss: −v·∇L, v = ∇L_val(θ').

    Negative: the validation set wants more of that loss. Arguments are those of `picture_weights`.
    """
    at = (chosen - 1) // every
    wants = [
        f"{'more' if line[at] < 0 else 'less'} of its {kind} loss ({_signed(line[at])})"
        for kind, line in (("hard", hard), ("soft", soft))
    ]
    sentence = (
        f"At epoch {chosen} the validation set wants {wants[0]} and {wants[1]} for "
        f"{what}: negative is more.{thinned(every)}"
    )
    low, high = min(*hard, *soft, 0.0), max(*hard, *soft, 0.0)
    margin = 0.12 * (high - low) or 1.0
    ends = _ends(hard, soft)
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
    data = _hard_and_soft(hard, soft, every)
    return Drawing(PICTURE_INFLUENCE_QUESTION, sentence, alt, data, layout, PICTURE_HEIGHT)


def _layout(chosen: int, planned: int) -> dict[str, Any]:
    return base_layout(
        hovermode="x unified",
        margin={"l": 62, "r": 72, "t": 12, "b": 52},
        xaxis=epoch_axis(planned) | {"nticks": 6},
        shapes=[epoch_marker(chosen)],
    )


def _hard_and_soft(hard: Line, soft: Line, every: int) -> list[dict[str, Any]]:
    return [
        _line("hard", hard, every, KIND_COLOURS["hard"], "solid"),
        _line("soft", soft, every, KIND_COLOURS["soft"], "dash"),
    ]


def _line(name: str, line: Line, every: int, colour: str, dash: str) -> dict[str, Any]:
    return line_over_epochs(name, line, 1, colour, dash) | {"dx": every}


def _ends(hard: Line, soft: Line) -> dict[str, tuple[float, str]]:
    return {
        "hard": (hard[-1], KIND_COLOURS["hard"]),
        "soft": (soft[-1], KIND_COLOURS["soft"]),
    }


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
