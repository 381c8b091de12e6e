"""The live view of a card: its figures before and after the reveal, and its numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from app.figures.drawing import Drawing
from app.shared.recorded import RecordedRun


class Knob(NamedTuple):
    """A figure that a viewer changes with a slider."""

    label: str
    low: int
    high: int
    start: int
    draw: Callable[[int], Drawing]
    words: tuple[str, ...] = ()  # of each value, from low to high; () to show the number itself
    numbers: Callable[[int], dict[str, str]] = lambda _: {}  # they replace those of the scene
    is_epoch: bool = False

    def within(self, value: float) -> int:
        """Return a value in the slider's range."""
        return max(self.low, min(round(value), self.high))


class Scene(NamedTuple):
    """The live view of a card."""

    run: RecordedRun
    epoch: int
    lab_view: str  # the Lab's view that shows more of it
    before: Drawing | Knob
    after: Drawing | Knob
    numbers: dict[str, str]  # by the names that the card's texts use
    source: str = ""  # what is shown, where it is not the recorded run
    has_sound: bool = False  # whether the run's weights can be heard after the reveal

    def stage(self, *, is_revealed: bool) -> Drawing | Knob:
        """Return what stands beside the card before or after its reveal."""
        return self.after if is_revealed else self.before
