"""A question to a class: the choices of a follower, or the host's tally of the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import streamlit as st

from app.components.report import reported, whole_number
from app.components.source import text_of

_mount = st.components.v2.component(
    "bikd_class_question",
    css=text_of("class_question.css"),
    js=text_of("class_question.js"),
    isolate_styles=False,
)


class ShownQuestion(NamedTuple):
    """A question as one browser sees it. Its texts are drawn as they are, never as Markdown."""

    number: int  # which question of the class
    text: str
    choices: tuple[str, ...]
    can_answer: bool
    answer: int | None  # what this browser answered, from 0
    right: int | None  # the right choice, from 0; None: hidden, or there is none
    counts: tuple[int, ...]  # answers by choice; (): hidden
    said: str  # one sentence below the choices


def class_question(
    shown: ShownQuestion, *, key: str, on_answer: Callable[[int, int], None] | None = None
) -> None:
    """Draw a question.

    Args:
        shown: What to draw.
        key: The element's key, the same in every draw.
        on_answer: Called with the question's number and the choice, from 0, before the script runs
            again.
    """

    def take() -> None:
        answer = reported(key, "answer")
        if on_answer is None or not isinstance(answer, Mapping):
            return
        number, choice = whole_number(answer.get("number")), whole_number(answer.get("choice"))
        if number is not None and choice is not None:
            on_answer(number, choice)

    _mount(key=key, data=[shown._asdict()], on_answer_change=take)
