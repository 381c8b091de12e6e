"""Try it: a picture, what a run's student and teacher take it for, and what it would weigh."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.components.terms_text import terms_text
from app.figures.drawing import percent
from app.shared import engine, status
from app.shared.address import write_address
from app.shared.complaints import show_complaints
from app.shared.engine import attempt
from app.shared.markdown import plain
from app.shared.session import session
from app.try_it.answer import show_beliefs, show_label, show_pictures
from app.try_it.asking import choose_picture
from app.try_it.link import written_link
from bikd_core.runs import Snapshot
from bikd_core.runs.ask_student import why_not

LinkTo = Callable[[str, str, str], None]


def page(link_to: LinkTo) -> None:
    """Draw the whole page, from top to bottom.

    Args:
        link_to: Draws a link to a page, from its name, a label and an icon.
    """
    with st.container(key="try_it", gap="small"):
        terms_text("What does this student make of a picture?", key="try_title", tag="h1")
        run = _open_run()
        write_address(written_link())
        show_complaints()
        if run is None:
            st.info(
                "Open a finished run in the Lab: its button This run leads here.",
                icon=":material/image:",
            )
            link_to("lab", "To the Lab", ":material/science:")
            return
        _head(run, link_to)
        if reason := why_not(run, engine.manager().places):
            st.info(plain(reason), icon=":material/info:")
            return
        _contents(run)


def _open_run() -> Snapshot | None:
    run_id = session().run
    if not run_id:
        return None
    run = attempt(lambda: engine.linked_snapshot("run", run_id))
    if run is None:
        session().run = ""
    return run


def _head(run: Snapshot, link_to: LinkTo) -> None:
    """Draw which student it is, how good it is, and the way back to its run."""
    accuracy = ""
    if run.epochs:
        last = run.epochs[-1]
        accuracy = (
            f" · {percent(last.accuracy)} balanced test accuracy, {percent(last.accuracy_few)} on "
            "few-shot classes"
        )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        words = f"{status.method_of(run)} on {run.data_title}{accuracy}"
        st.markdown(f"**{plain(run.name)}** · {plain(words)}", width="content")
        link_to("lab", "The run in the Lab", ":material/science:")


def _contents(run: Snapshot) -> None:
    started = run.resolved
    assert started is not None  # a student is stored at the end
    left, right = st.columns([0.42, 0.58], gap="medium")
    with left:
        asked = choose_picture(run, started)
        if asked is None:
            st.caption(
                "Any size and colour: it is cut to its middle square and resized, as the run's own "
                "pictures were."
            )
            return
        if asked.answer is None:
            st.error(plain(asked.complaint))
            return
        show_pictures(asked.answer, started)
        show_label(asked.answer, run, started, " ".join(asked.what))
    with right:
        st.html('<h2 class="unseen">The beliefs</h2>')  # for screen readers, above the figure's
        show_beliefs(asked.answer, run, started)
