"""What stands beside a card: the room for its figure, and what can be tried in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from app.figures.drawing import Drawing
from app.lesson.scene import Knob
from app.toy import Preset, drawing, toy

FIGURE_SCALE = 1.6  # at most: the card's text is large, too
FOOT, KNOB, SOUND = 62, 44, 66  # px of what stands below a figure


class HandsOn(NamedTuple):
    """What a viewer can try beside a card, instead of its recorded run."""

    label: str
    draw: Callable[[], None]


#: By the name in a card's field `view`.
HANDS_ON = {
    "own_weight": HandsOn(
        "A toy that trains now",
        lambda: toy("lesson_toy", Preset(controls=("method", "size", "imbalance", "points"))),
    ),
    "judge": HandsOn(
        "A toy: move D_val",
        lambda: toy("lesson_judge", Preset(controls=("ground", "size", "buttons"))),
    ),
    "surface": HandsOn("Draw a digit", lambda: drawing("lesson_drawing")),
}


def foot_of(stage: Drawing | Knob, *, has_sound: bool) -> int:
    """Return the pixels that stand below a figure."""
    return FOOT + KNOB * isinstance(stage, Knob) + SOUND * has_sound
