"""Compare: methods over seeds under one protocol, and who wins for whom, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.compare import question, queue, results
from app.compare.protocol import protocol
from app.components import page_is_hidden
from app.navigation import go_to_lab, links
from app.shared import access, state
from app.shared.state import attempt
from bikd_core.studies import Comparison, PlannedRun, planned_runs
from bikd_core.teachers.card import list_teachers

POLL_S = 1.0


def page() -> None:
    """The whole page, from top to bottom."""
    if st.session_state.pop("to_lab", False):
        go_to_lab()
    if state.open_session():
        question.take_link(dict(st.query_params))
    with st.sidebar:
        links()
        comparison = question.sidebar(dict(list_teachers(state.manager().places.teacher_folders())))
    access.exchange_keys()
    places = _places(comparison)
    queue.buttons(comparison, places)
    with st.container(key="complaints"):  # always there: what comes after it keeps its place
        for complaint in st.session_state["complaints"]:
            st.warning(complaint)
    is_hidden = page_is_hidden()
    _write_link()
    if comparison is None:
        return
    is_polled = not is_hidden and any(place.is_active for place in places)
    live = st.fragment(_live, run_every=POLL_S if is_polled else None, key="live_comparison")
    live(comparison, _states(places))


def _write_link() -> None:
    parameters = question.for_link()
    if parameters != dict(st.query_params):
        st.query_params.from_dict(parameters)


def _places(comparison: Comparison | None) -> list[PlannedRun]:
    if comparison is None:
        return []
    return attempt(lambda: planned_runs(comparison, state.manager().list())) or []


def _states(places: Sequence[PlannedRun]) -> tuple[str, ...]:
    """What the buttons depend on."""
    return tuple(
        "done" if place.is_done else "active" if place.is_active else "missing" for place in places
    )


def _live(comparison: Comparison, drawn: tuple[str, ...]) -> None:
    """Everything that changes while runs train; a full rerun where the buttons must change."""
    places = _places(comparison)
    states = _states(places)
    if st.session_state.get("to_lab"):  # a click asked for it, of which only this part hears
        st.rerun()
    if states != drawn and ("active" not in states or "missing" in states):
        st.rerun()
    has_begun = any(place.run is not None for place in places)
    if has_begun:
        queue.progress(places)
    else:
        _welcome(comparison)
    with st.container(border=True, key="protocol"):
        st.markdown("  \n".join(f"**{name}:** {words}." for name, words in protocol(comparison)))
    if has_begun:
        results.show(comparison, places)


def _welcome(comparison: Comparison) -> None:
    """What to do next, and a comparison that takes one click."""
    st.info(
        "None of these runs is there yet. Choose methods and seeds in the side bar and press "
        "Start: the runs train one after the other in the background, and the figures fill in as "
        "they finish.",
        icon=":material/play_arrow:",
    )
    quick = question.quick()
    names = ", ".join(question.title_of(method) for method in quick.methods)
    is_chosen = comparison.configs() == quick.configs()
    time = queue.estimated() if is_chosen else ""  # nobody has timed it where it is not chosen
    st.button(
        f"Quick comparison: digits, {names}, seeds 0–2{time and '; '}{time}",
        key="quick",
        icon=":material/bolt:",
        on_click=_quick,
    )


def _quick() -> None:
    state.forget_complaints()
    queue.start_now(question.choose_quick())
