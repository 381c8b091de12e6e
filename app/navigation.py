"""The pages, their addresses, and the links between them.

The links are one row: a list would push the controls down.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from app.compare import link as compare_link
from app.compare.page import page as compare_page
from app.lab import link as lab_link
from app.lab.page import page as lab_page
from app.shared.address import is_history_navigation
from app.shared.controls_link import read_controls
from app.shared.session import session
from app.teachers import link as teachers_link
from app.teachers.page import page as teachers_page


class Page(NamedTuple):
    """A page and its address."""

    title: str
    draw: Callable[[], None]
    parameters: frozenset[str]  # names of its query parameters that are not controls
    take_link: Callable[[Mapping[str, str]], None]  # shows what an address says
    written_link: Callable[[], dict[str, str]]  # the query parameters of the page as it stands


PAGES = {
    "lab": Page("Lab", lab_page, lab_link.PARAMETERS, lab_link.take_link, lab_link.written_link),
    "compare": Page(
        "Compare",
        compare_page,
        compare_link.PARAMETERS,
        compare_link.take_link,
        compare_link.written_link,
    ),
    "teachers": Page(
        "Teachers",
        teachers_page,
        teachers_link.PARAMETERS,
        teachers_link.take_link,
        teachers_link.written_link,
    ),
}  # the first one has the bare address


def show() -> None:
    """Draw the page that the address names, with the links to all pages in its side bar."""
    first = next(iter(PAGES))
    pages = {
        name: st.Page(page.draw, title=page.title, url_path=name, default=name == first)
        for name, page in PAGES.items()
    }
    current = st.navigation(list(pages.values()), position="hidden")
    if session().opens_lab:
        # The address goes along: what a page writes while the page changes is lost (1.67).
        session().opens_lab = False
        st.switch_page(pages["lab"], query_params=PAGES["lab"].written_link())
    _take_address(next(name for name, page in pages.items() if page is current))
    with st.sidebar:
        _links(pages)
    current.run()


def _take_address(name: str) -> None:
    """Take over what the address says when it is new.

    The controls: when the session begins, and when the browser goes back or forward. The page's
    own parameters: also when the page is first opened.
    """
    now, parameters = session(), _as_written_now(st.query_params.to_dict())
    is_new = not now.controls or is_history_navigation()
    if is_new:
        others = frozenset[str]().union(*(page.parameters for page in PAGES.values()))
        config, complaints = read_controls(parameters, others)
        now.set_controls(config)
        now.complaints = complaints
        now.visit += 1
    if is_new or name not in now.visited_pages:
        now.visited_pages.add(name)
        PAGES[name].take_link(parameters)


def _as_written_now(parameters: dict[str, str]) -> dict[str, str]:
    """Return an address with today's names: `over`, now a control, once chose a view's classes."""
    if re.fullmatch(r"few|medium|many|[0-9]{1,9}", parameters.get("over", "")):
        parameters["classes"] = parameters.pop("over")
    return parameters


def _links(pages: Mapping[str, StreamlitPage]) -> None:
    """Draw the name of the app, and a link to each page.

    A link carries the parameters that its page is going to write; otherwise the browser's way
    back would lead through an address without any, at which everything has its default.
    """
    st.markdown("#### Bilevel Distillation Lab")
    with st.container(horizontal=True, gap="small", key="pages"):
        for name, page in pages.items():
            st.page_link(page, query_params=PAGES[name].written_link())
