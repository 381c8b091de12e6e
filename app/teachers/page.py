"""Teachers: who is stored, how biased each is, and new ones."""

from __future__ import annotations

import streamlit as st

from app.components import page_is_hidden
from app.navigation import go_to_lab, links, teachers_link
from app.shared import access, controls, state
from app.teachers import new_teacher, stored
from bikd_core.teachers.card import list_teachers

POLL_S = 1.0


def page() -> None:
    """The whole page, from top to bottom."""
    if st.session_state.pop("to_lab", False):
        go_to_lab()
    if state.open_session() or "shown_teacher" not in st.session_state:
        st.session_state["shown_teacher"] = st.query_params.get("shown", "")
    with st.sidebar:
        links()
        st.markdown("##### Of a new teacher")
        config = controls.teacher_controls()
    access.exchange_keys()
    new_teacher.buttons(config)
    complaints = st.container(key="complaints")
    is_hidden = page_is_hidden()
    in_making = tuple(state.shelf().in_making())
    poll_s = POLL_S if in_making and not is_hidden else None
    st.fragment(_progress, run_every=poll_s, key="teachers_in_making")(in_making)
    teachers = dict(list_teachers(state.manager().places.teacher_folders()))
    if teachers:
        name = stored.choose(teachers)
        stored.table(teachers)
        stored.one(name, teachers)
        _write_link(name, is_first=name == next(iter(teachers)))
    else:
        st.info("No teacher is stored yet: train one, or upload one.", icon=":material/school:")
    with complaints:  # those of the choice too
        for complaint in st.session_state["complaints"]:
            st.warning(complaint)


def _progress(drawn: tuple[str, ...]) -> None:
    """What trains; a full rerun where the list of teachers has changed."""
    new_teacher.progress()
    if tuple(state.shelf().in_making()) != drawn:
        st.rerun()


def _write_link(name: str, *, is_first: bool) -> None:
    st.session_state["named_teacher"] = {} if is_first else {"shown": name}
    parameters = teachers_link()
    if parameters != dict(st.query_params):
        st.query_params.from_dict(parameters)
