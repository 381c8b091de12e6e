"""A card's texts, with the numbers of its live view filled in."""

from __future__ import annotations

from collections.abc import Mapping

from app.components.lesson_card import Equation, LessonText
from app.lesson.cards import PLACEHOLDER, Card, Symbol, count, languages
from app.lesson.scene import Scene

NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


def text_of(
    card: Card,
    number: int,
    numbers: dict[str, str],
    known: Mapping[str, Symbol],
    *,
    is_revealed: bool,
    answer: int | None = None,
    language: str,
    chosen_language: str,
) -> LessonText:
    """Return the texts of a card.

    Args:
        card: The card.
        number: Which one it is, from 1.
        numbers: The numbers that its texts name.
        known: The symbols of its equation.
        is_revealed: Whether its answer is shown.
        answer: The choice that was taken, from 0.
        language: The one of the card's texts.
        chosen_language: The one that somebody chose.
    """

    def filled(text: str) -> str:
        return PLACEHOLDER.sub(lambda match: numbers[match[1]].replace(" ", NO_BREAK_SPACE), text)

    return LessonText(
        number=number,
        num_cards=count(),
        title=filled(card.title),
        body=filled(card.body),
        question=filled(card.question),
        choices=[filled(choice) for choice in card.choices],
        answer=answer,
        right=card.right_choice(numbers) if is_revealed else None,
        reveal=filled(card.reveal) if is_revealed else "",
        equation=_equation(card, numbers, known, is_revealed=is_revealed),
        language=language,
        languages=languages(),
        chosen_language=chosen_language,
    )


def _equation(
    card: Card, numbers: Mapping[str, str], known: Mapping[str, Symbol], *, is_revealed: bool
) -> Equation:
    """Return the parts of the equation: text, and symbols with their meaning and value.

    Before the answer the values would give it away: they are "".
    """
    parts: Equation = []
    end = 0
    for match in PLACEHOLDER.finditer(card.equation):
        parts.append((card.equation[end : match.start()],))
        symbol = known[match[1]]
        parts.append((symbol.sign, symbol.meaning, numbers[match[1]] if is_revealed else ""))
        end = match.end()
    return [*parts, (card.equation[end:],)]


def said_of(shown: Scene, epoch: int | str) -> str:
    """Return what a live view shows, in one sentence."""
    return shown.source or f"Recorded run: {shown.run.name}; epoch {epoch}."
