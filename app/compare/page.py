"""Compare: methods over seeds under one protocol, and who wins for whom, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.compare import cost, known, question, queue, recommendation, results
from app.compare.link import written_link
from app.compare.protocol import protocol
from app.components import page_is_hidden
from app.components.terms_text import terms_lines
from app.shared import access, engine
from app.shared.address import write_address
from app.shared.complaints import show_complaints
from app.shared.engine import attempt
from app.shared.session import session
from bikd_core.studies import Comparison, PlannedRun, planned_runs
from bikd_core.teachers.card import list_teachers

POLL_S = 1.0


def page() -> None:
    """Draw the whole page, from top to bottom."""
    with st.sidebar:
        teachers = dict(list_teachers(engine.manager().places.teacher_folders()))
        comparison = question.side_bar(teachers)
    access.exchange_keys()
    planned = _planned(comparison)
    queue.buttons(comparison, planned)
    show_complaints()
    is_hidden = page_is_hidden()
    write_address(written_link())
    if comparison is None:
        return
    recommendation.button()
    if session().shows_recommendation:
        recommendation.panel(comparison.base, is_hidden=is_hidden)
    is_changing = any(each.is_active for each in planned) or cost.is_timing(comparison)
    is_polled = not is_hidden and is_changing
    live = st.fragment(_live, run_every=POLL_S if is_polled else None, key="live_comparison")
    live(comparison, _states(planned), is_timing=cost.is_timing(comparison))
    known.panel()


def _planned(comparison: Comparison | None) -> list[PlannedRun]:
    if comparison is None:
        return []
    return attempt(lambda: planned_runs(comparison, engine.manager().list())) or []


def _states(planned: Sequence[PlannedRun]) -> tuple[str, ...]:
    """Return what the buttons depend on."""
    return tuple(
        "done" if each.is_done else "active" if each.is_active else "missing" for each in planned
    )


def _live(comparison: Comparison, drawn: tuple[str, ...], *, is_timing: bool) -> None:
    """Draw all that changes while runs train; rerun the whole page if the buttons must change."""
    planned = _planned(comparison)
    states = _states(planned)
    if is_timing != cost.is_timing(comparison):
        st.rerun()  # the interval of the polls changes
    if session().opens_lab:  # a click reruns only this part; another page opens from the top
        st.rerun()
    if states != drawn and ("active" not in states or "missing" in states):
        st.rerun()
    has_begun = any(each.run is not None for each in planned)
    if has_begun:
        queue.progress(planned)
    else:
        _welcome(comparison)
    with st.container(border=True, key="protocol"):
        terms_lines([(name, f"{words}.") for name, words in protocol(comparison)], key="terms")
    if has_begun:
        results.show(comparison, planned)


def _welcome(comparison: Comparison) -> None:
    """Draw how to begin, and a button for a quick comparison."""
    st.info(
        "None of these runs exists yet. Choose methods and seeds in the side bar and press "
        "Start: the runs train in the background, and the figures fill in as "
        "they finish.",
        icon=":material/play_arrow:",
    )
    quick = question.quick_comparison()
    names = ", ".join(question.title_of(method) for method in quick.methods)
    is_chosen = comparison.configs() == quick.configs()
    time = queue.time_in_words() if is_chosen else ""  # else the estimate is for another comparison
    st.button(
        f"Quick comparison: digits, {names}, seeds 0–2{time and '; '}{time}",
        key="quick",
        icon=":material/bolt:",
        on_click=_start_quick,
    )


def _start_quick() -> None:
    session().forget_complaints()
    queue.start_now(question.choose_quick_comparison())
