"""The pages and the way between them. One row of links: a list would push the controls down."""

from __future__ import annotations

from typing import NoReturn

import streamlit as st

from app import state, url


def links() -> None:
    """The name of the app, and a link to each page."""
    st.markdown("#### Bilevel Distillation Lab")
    with st.container(horizontal=True, gap="small", key="pages"):
        for page in st.session_state["pages"].values():
            st.page_link(page)


def go_to_lab() -> NoReturn:
    """Open the Lab in place of this page, with the session's run and controls.

    The link goes along: what a page writes in the moment of the change is lost (1.67).
    """
    parameters = url.write_controls(state.controls())
    if run_id := st.session_state["run"]:
        parameters["run"] = run_id
    st.switch_page(st.session_state["pages"]["lab"], query_params=parameters)
