"""The pages and the way between them. One row of links: a list would push the controls down."""

from __future__ import annotations

from typing import NoReturn

import streamlit as st

from app.compare import question
from app.shared import state, url


def links() -> None:
    """The name of the app, and a link to each page.

    Each goes with the parameters that its page is going to write: else the way back leads through
    an address without any, at which everything stands at its default.
    """
    parameters = {
        "lab": state.lab_link,
        "compare": question.for_link,
        "teachers": teachers_link,
    }
    st.markdown("#### Bilevel Distillation Lab")
    with st.container(horizontal=True, gap="small", key="pages"):
        for name, page in st.session_state["pages"].items():
            st.page_link(page, query_params=parameters[name]())


def teachers_link() -> dict[str, str]:
    """The parameters of the Teachers page, with the teacher that it named when it was drawn."""
    named: dict[str, str] = st.session_state.setdefault("named_teacher", {})
    return url.write_controls(state.controls()) | named


def go_to_lab() -> NoReturn:
    """Open the Lab in place of this page, with the session's run and controls.

    The link goes along: what a page writes in the moment of the change is lost (1.67).
    """
    st.switch_page(st.session_state["pages"]["lab"], query_params=state.lab_link())
