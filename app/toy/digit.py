"""Draw a digit: what teacher and student say, and which weights the picture would get."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from app.components.drawing import drawing_field
from app.components.report import whole_number
from app.components.terms_text import glossary_of
from app.shared.session import session
from app.toy.show import server
from bikd_core.events import SURFACE_AXIS
from bikd_core.toy.pipe import Answer, Question

NUM_PICTURES = 580  # test pictures of the lesson's run
_EMPTY, _FULL = 30, 720  # ink of a drawing, of 64·16: what is less or more is no digit
_WAIT_S, _FIRST_WAIT_S = 3.0, 0.1
_POLL_S = 1.0  # until the child has started


@dataclass
class _State:
    """One visitor's picture."""

    asker: str
    question: Question
    complaint: str = ""
    answer: Answer | None = None
    is_waiting: bool = True  # for the answer to its question

    def take(self, sent: object) -> None:
        """Ask about the picture that a browser sent, which may be anything, or complain."""
        given = sent if isinstance(sent, Mapping) else {}
        number = whole_number(given.get("number"))
        pixels, picture = given.get("pixels"), given.get("picture")
        if number is None:
            return
        if picture is not None:
            self._take_picture(number, picture)
            return
        values = [whole_number(value) for value in pixels] if isinstance(pixels, list) else []
        known = [value for value in values if value is not None and 0 <= value <= 16]
        if len(known) != 64 or len(values) != 64:
            self.complaint = "The drawing could not be read: it must be 64 numbers from 0 to 16."
        elif sum(known) < _EMPTY:
            self.complaint = "The drawing is empty: draw a digit, or choose a test picture."
        elif sum(known) > _FULL:
            self.complaint = "The drawing is nearly full: press Clear and draw a digit with lines."
        else:
            self._ask(Question(toy=self.asker, number=number, pixels=tuple(known)))

    def _take_picture(self, number: int, picture: object) -> None:
        which = whole_number(picture)
        if which is None or not 0 <= which < NUM_PICTURES:
            self.complaint = (
                f"test picture = {str(picture)[:20]} is not possible: it must be a whole number "
                f"from 0 to {NUM_PICTURES - 1}."
            )
            return
        self._ask(Question(toy=self.asker, number=number, picture=which))

    def _ask(self, question: Question) -> None:
        self.question, self.complaint = question, ""


def drawing(key: str, picture: int = 0) -> None:
    """Draw a field for a digit, and what the lesson's networks say about the picture in it.

    Args:
        key: The element's key, the same in every draw.
        picture: The test picture that is shown at first; 0 is a rare 8 that the student misses.
    """
    held: _State | None = session().toys.get(key)
    if held is None:
        asker = secrets.token_hex(8)
        held = session().toys[key] = _State(asker, Question(toy=asker, picture=picture))
    _ask(held, _FIRST_WAIT_S)  # or the fragment would rerun a page that is half drawn
    is_waiting = held.is_waiting
    field = st.fragment(_show, run_every=_POLL_S if is_waiting else None, key=f"{key}_field")
    field(key, is_waiting)


def _ask(state: _State, wait_s: float) -> str:
    """Take the answer to a question if there is one within so many seconds; else return why not."""
    reply = server().ask(state.question, wait_s)
    state.is_waiting = reply is None
    if isinstance(reply, Answer):
        state.answer = reply
        return ""
    return "The networks are being loaded …" if reply is None else reply.reason


def _show(key: str, was_waiting: bool) -> None:
    state: _State = session().toys[key]
    said = _ask(state, _FIRST_WAIT_S if was_waiting else _WAIT_S)
    notes = [text for text in (state.complaint, server().problem(), said) if text]
    drawing_field(
        {
            "answer": None if state.answer is None else state.answer.model_dump(),
            "notes": notes,
            "num_pictures": NUM_PICTURES,
            "picture": state.question.picture,
            "glossary": glossary_of("Student says", "Teacher says"),
            "axis": [float(SURFACE_AXIS[0]), float(SURFACE_AXIS[-1])],
        },
        key=key,
        on_picture=state.take,
    )
    if was_waiting != state.is_waiting:
        st.rerun()  # an interval cannot be changed from here
