"""A card of the lesson: its text, a question before the reveal, an equation, and the way on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import streamlit as st

from app.components.report import reported
from app.components.source import text_of
from app.server.static_files import static_url
from app.shared.glossary import Mark, marks

#: The parts of an equation: text alone, or a symbol with its meaning and its value, if shown.
Equation = list[tuple[str] | tuple[str, str, str]]
_mount = st.components.v2.component(
    "bikd_lesson_card",
    css=text_of("lesson_card.css"),
    js=text_of("lesson_card.js").replace("TERMS", static_url("glossary_terms.js")),
    isolate_styles=False,
)


class LessonText(NamedTuple):
    """What a card says, with its numbers filled in."""

    number: int  # from 1
    num_cards: int
    title: str
    body: str
    question: str
    choices: list[str]
    answer: int | None  # the choice that was taken, from 0
    right: int | None  # the right one; None until an answer is given
    reveal: str  # "" until then
    equation: Equation
    language: str  # of the texts
    languages: tuple[str, ...]  # those that can be chosen
    chosen_language: str


def data_of(text: LessonText) -> dict[str, Any]:
    """Return what the card's script needs: the texts, and where they use a term."""
    terms: dict[str, list[Mark]] = {}
    known: set[str] = set()
    for name in ("title", "body", "question", "reveal"):  # each term is marked where it is first
        terms[name] = marks(getattr(text, name), known=known)
        known |= {mark[2] for mark in terms[name]}
    return text._asdict() | {"terms": terms}


def lesson_card(
    text: LessonText,
    *,
    key: str,
    on_move: Callable[[int], None],
    on_answer: Callable[[int, int], None],
    on_language: Callable[[str], None],
) -> None:
    """Draw the card.

    Args:
        text: What it says.
        key: The element's key, the same for all cards.
        on_move: Called with the number of the card that somebody goes to.
        on_answer: Called with the card's number and the choice, from 0.
        on_language: Called with the language that somebody chooses.
    """

    def move() -> None:
        number = reported(key, "move")
        if isinstance(number, int | float) and number == number:
            on_move(int(max(0, min(number, 1000))))

    def answer() -> None:
        choice = reported(key, "answer")
        if isinstance(choice, int | float) and choice in range(len(text.choices)):
            on_answer(text.number, int(choice))

    def choose_language() -> None:
        name = reported(key, "language")
        if name in text.languages:
            on_language(name)

    _mount(
        key=key,
        data=[data_of(text)],  # in a list: see `live_plot`
        on_move_change=move,
        on_answer_change=answer,
        on_language_change=choose_language,
    )
