"""Teachers: which ones are stored, how biased each is, and new ones."""

from __future__ import annotations

import streamlit as st

from app.components import page_is_hidden
from app.shared import access, engine
from app.shared.address import write_address
from app.shared.complaints import place_for_complaints, show_complaints
from app.teachers import new_teacher, stored
from app.teachers.link import written_link
from bikd_core.teachers.card import list_teachers

POLL_S = 1.0


def page() -> None:
    """Draw the whole page, from top to bottom."""
    with st.sidebar:
        st.markdown("##### New teacher")
        config = new_teacher.side_bar()
    access.exchange_keys()
    new_teacher.buttons(config)
    complaints = place_for_complaints()  # filled last: the choice of a teacher may add to them
    is_hidden = page_is_hidden()
    training = tuple(engine.shelf().in_making())
    poll_s = POLL_S if training and not is_hidden else None
    st.fragment(_progress, run_every=poll_s, key="teachers_in_making")(training)
    teachers = dict(list_teachers(engine.manager().places.teacher_folders()))
    if teachers:
        name = stored.shown_teacher(teachers)
        stored.table(teachers)
        stored.show_card(name, teachers)
        write_address(written_link())
    else:
        st.info("No teacher is stored yet: train one, or upload one.", icon=":material/school:")
    show_complaints(complaints)


def _progress(drawn: tuple[str, ...]) -> None:
    """Draw what trains; rerun the whole page if the list of teachers has changed.

    Args:
        drawn: The teachers that the page shows as in training.
    """
    new_teacher.progress()
    if tuple(engine.shelf().in_making()) != drawn:
        st.rerun()
