"""The classes of this server, as this browser has them: the one that it hosts, its seat in one."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from app.classroom.state import (
    Attended,
    Classes,
    ClassroomError,
    NoClass,
    Place,
    Question,
    new_seat,
)
from app.shared import access
from app.shared.session import Seat, session

_HOST, _SEAT = "class ", "seat "  # before a class's code: the names of keys


@st.cache_resource(show_spinner=False)
def classes() -> Classes:
    """Return the classes of this server."""
    return Classes()


class HostOf(NamedTuple):
    """A class that this browser hosts."""

    code: str
    key: str


def hosted_class() -> HostOf | None:
    """Return the class that this browser hosts; forget the keys of those that are over."""
    for name, key in list(session().keys.held.items()):
        if name.startswith(_HOST):
            code = name.removeprefix(_HOST)
            if classes().is_host(code, key):
                return HostOf(code, key)
            access.forget_key(name)
    return None


def open_class(place: Place) -> None:
    """Open a class whose host is this browser; complain where the server refuses."""
    now = session()
    now.forget_complaints()
    try:
        code, key = classes().open(place)
    except ClassroomError as error:
        now.complain(str(error))
        return
    access.keep_key(f"{_HOST}{code}", key)
    now.shows_invitation, now.class_place = True, place


def tell_place(place: Place) -> None:
    """Tell the class that this browser hosts, if any, where its host is, when that has changed.

    Only a change: another tab of the same browser may be where the class is now.
    """
    now = session()
    host = hosted_class()
    if host is not None and place != now.class_place:
        now.class_place = place
        classes().move(host.code, host.key, place)


def look_here() -> None:
    """Bring the class to where this tab is."""
    host, place = hosted_class(), session().class_place
    if host is not None:
        if isinstance(place, Place):
            classes().move(host.code, host.key, place)
        classes().look_here(host.code, host.key)


def ask(question: Question) -> None:
    """Put a question to the class that this browser hosts; it takes the invitation's place."""
    if host := hosted_class():
        session().shows_invitation = False
        classes().ask(host.code, host.key, question)


def reveal() -> None:
    """Show the answers to the class that this browser hosts."""
    if host := hosted_class():
        classes().reveal(host.code, host.key)


def withdraw() -> None:
    """Take the question off the screens of the class that this browser hosts."""
    if host := hosted_class():
        classes().withdraw(host.code, host.key)


def end_class() -> None:
    """End the class that this browser hosts."""
    if host := hosted_class():
        classes().end(host.code, host.key)
        access.forget_key(f"{_HOST}{host.code}")


def seat_in(code: str) -> Seat:
    """Return this browser's seat in a class: the one that it kept, if it has answered there."""
    now = session()
    if now.seat is None or now.seat.code != code:
        now.seat = Seat(code, new_seat())
    now.seat.name = now.keys.held.get(f"{_SEAT}{code}", now.seat.name)
    return now.seat


def attend(seat: Seat) -> Attended:
    """Return what a follower may know; raises as `Classes.attend`."""
    try:
        return classes().attend(seat.code, seat.name)
    except NoClass:
        access.forget_key(f"{_SEAT}{seat.code}")
        raise


def answer(seat: Seat, number: int, choice: int) -> None:
    """Answer a question of a class; complain if it is refused.

    The browser keeps the seat from now on: whoever opens the page again has answered already.

    Args:
        seat: The follower's.
        number: The question, from 1.
        choice: From 0.
    """
    session().forget_complaints()
    try:
        classes().answer(seat.code, seat.name, number, choice)
    except ClassroomError as error:
        session().complain(str(error))
    else:
        access.keep_key(f"{_SEAT}{seat.code}", seat.name)
