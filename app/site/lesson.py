"""The cards of the lesson, with their live views drawn for every value of their sliders."""

from __future__ import annotations

from typing import Any

from app.components.lesson_card import data_of
from app.components.run_sound import sound_of
from app.figures.drawing import Drawing
from app.lesson.beside import HANDS_ON, foot_of
from app.lesson.cards import Card, count, read_card, symbols
from app.lesson.scene import Knob, Scene
from app.lesson.scenes import scene
from app.lesson.text import said_of, text_of
from app.shared.glossary import marks
from app.takeaway.file import packed_text

EPOCH = "{epoch}"  # stands for the slider's value in what a card says of its view


def baked_card(number: int, language: str) -> dict[str, Any]:
    """Return a card with its views before and after the reveal, as JSON values.

    Args:
        number: Which card, from 1 to `count()`.
        language: One of `languages()`; a card that it lacks is the English one.

    Raises:
        LessonError: The card, a symbol or the recorded run that it shows cannot be read.
    """
    card, _ = read_card(number, language)
    shown, hands_on = scene(card.view), HANDS_ON.get(card.view)
    return {
        "before": _baked(card, number, shown, language, is_revealed=False),
        "after": _baked(card, number, shown, language, is_revealed=True),
        "more": f"The app has more to try here: {hands_on.label}." if hands_on else "",
        "isLast": number == count(),
    }


def _baked(
    card: Card, number: int, shown: Scene, language: str, *, is_revealed: bool
) -> dict[str, Any]:
    stage = shown.stage(is_revealed=is_revealed)
    knob = stage if isinstance(stage, Knob) else None
    values = range(0) if knob is None else range(knob.low, knob.high + 1)
    drawings = [stage] if isinstance(stage, Drawing) else [stage.draw(value) for value in values]
    numbers = [{}] if knob is None else [knob.numbers(value) for value in values]
    texts = [
        text_of(
            card,
            number,
            shown.numbers | moved,
            symbols(language),
            is_revealed=is_revealed,
            language=language,
            chosen_language=language,
        )
        for moved in (numbers if any(numbers) else numbers[:1])
    ]
    has_sound = is_revealed and shown.has_sound
    epoch = EPOCH if knob is not None and knob.is_epoch else shown.epoch
    return {
        "texts": [data_of(text) for text in texts],
        "drawings": packed_text(drawings),
        "knob": None if knob is None else _slider(knob),
        "said": said_of(shown, epoch),
        "run": f"runs/{shown.run.path.stem}.html#{shown.lab_view}/{epoch}",
        "foot": foot_of(stage, has_sound=has_sound),
        "sound": sound_of(shown.run.epochs, shown.run.started)._asdict() if has_sound else None,
    }


def _slider(knob: Knob) -> dict[str, Any]:
    return {
        "label": knob.label,
        "terms": marks(knob.label),
        "low": knob.low,
        "high": knob.high,
        "value": knob.start,
        "words": list(knob.words),
        "isEpoch": knob.is_epoch,
    }
