"""Presenter mode: no side bar, one question a screen, text that is read from the back row.

Key P turns it on and off; it is a part of the address, so that a shared link presents too. The
style is the page's, and the live plot's script enlarges the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from app.components.presenter_bar import Wish, presenter_bar
from app.lab import views
from app.lab.views import VIEWS, Moment, View
from app.shared.session import session
from bikd_core.runs import Snapshot

_LAST = 10**6  # question of a view, whichever that is


def presenter(runs: Sequence[Snapshot]) -> None:
    """Hear the presenter's keys; while presenting, draw the bar that says where one is."""
    now = session()
    place = ""
    if now.presents:
        view = views.open_view()
        count = len(_questions(view, runs))
        now.question = min(now.question, count)
        place = view.name if count == 1 else f"{view.name} · {now.question} of {count}"
    # Its name says to the style and to the figures whether something is presented.
    with st.container(key="presenting" if now.presents else "not_presenting"):
        presenter_bar(place=place, on_wish=lambda wish: _take(wish, runs))


def present_button() -> None:
    """Draw the button that turns presenter mode on."""
    st.button(
        "Present",
        key="present",
        icon=":material/slideshow:",
        on_click=_toggle,
        help="Presenter mode (key P): one question a screen, large, without the side bar.",
    )


def one_question(view: View, runs: Sequence[Snapshot]) -> View:
    """Return the view with the presented question alone; the whole view while not presenting."""
    now = session()
    if not now.presents:
        return view
    questions = _questions(view, runs)
    return questions[min(now.question, len(questions)) - 1]


def _questions(view: View, runs: Sequence[Snapshot]) -> list[View]:
    """Return the view once for each of its questions: for each figure that a run can draw.

    A view that is no rows of figures has one question. Two runs may have figures of their own.
    """
    moments = [Moment(run, len(run.epochs)) for run in runs]
    figures = [
        figure
        for row in view.rows
        for figure in row
        if any(figure.is_worth_drawing(moment) for moment in moments)
    ]
    if len(runs) == 1:
        return [replace(view, rows=((figure,),)) for figure in figures] or [view]
    alone = [View(view.name, view.question, ((figure,),), view.link) for figure in figures]
    has_own = type(view).show_pair is not View.show_pair
    return [replace(view, rows=())] * has_own + alone or [view]


def _toggle() -> None:
    session().presents = not session().presents
    session().question = 1


def _take(wish: Wish, runs: Sequence[Snapshot]) -> None:
    if wish == "toggle":
        _toggle()
    elif session().presents:
        _move(1 if wish == "next" else -1, runs)


def _move(by: int, runs: Sequence[Snapshot]) -> None:
    """Go to the next question or the one before, which may be in the view beside this one."""
    now, view = session(), views.open_view()
    question = min(now.question, len(_questions(view, runs))) + by
    if 1 <= question <= len(_questions(view, runs)):
        now.question = question
        return
    at = VIEWS.index(view) + by
    if 0 <= at < len(VIEWS):
        now.view, now.question = VIEWS[at].name, 1 if by > 0 else _LAST
