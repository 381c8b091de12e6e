"""The pages, their addresses, and the links between them.

The links are one row: a list would push the controls down.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from app.classroom import link as class_link
from app.classroom.page import page as class_page
from app.compare import link as compare_link
from app.compare.page import page as compare_page
from app.home.page import page as home_page
from app.lab import link as lab_link
from app.lab.page import page as lab_page
from app.lesson import link as lesson_link
from app.lesson.page import page as lesson_page
from app.server import owner
from app.shared.address import is_history_navigation
from app.shared.controls_link import read_controls
from app.shared.problem_report import report_button
from app.shared.session import session
from app.studies import link as studies_link
from app.studies.page import page as studies_page
from app.teachers import link as teachers_link
from app.teachers.page import page as teachers_page
from app.toy.page import page as toy_page
from app.try_it import link as try_link
from app.try_it.page import page as try_page


class Page(NamedTuple):
    """A page and its address."""

    title: str
    draw: Callable[[], None]
    parameters: frozenset[str]  # names of its query parameters that are not controls
    take_link: Callable[[Mapping[str, str]], None]  # shows what an address says
    written_link: Callable[[], dict[str, str]]  # the query parameters of the page as it stands
    has_side_bar: bool = True
    is_listed: bool = True  # among the links to the pages
    is_followers: bool = False  # of a class: it starts and steers nothing, and leads nowhere else


def _home() -> None:
    home_page(_link_to)


def _lesson() -> None:
    lesson_page(_link_to)


def _class() -> None:
    class_page(_link_to)


def _try_it() -> None:
    try_page(_link_to)


PAGES = {
    "": Page(
        "Home",
        _home,
        frozenset(),
        lambda parameters: None,
        dict,
        has_side_bar=False,
    ),
    "learn": Page(
        "Learn",
        _lesson,
        lesson_link.PARAMETERS,
        lesson_link.take_link,
        lesson_link.written_link,
        has_side_bar=False,
    ),
    "lab": Page("Lab", lab_page, lab_link.PARAMETERS, lab_link.take_link, lab_link.written_link),
    "compare": Page(
        "Compare",
        compare_page,
        compare_link.PARAMETERS,
        compare_link.take_link,
        compare_link.written_link,
    ),
    "studies": Page(
        "Studies",
        studies_page,
        studies_link.PARAMETERS,
        studies_link.take_link,
        studies_link.written_link,
    ),
    "teachers": Page(
        "Teachers",
        teachers_page,
        teachers_link.PARAMETERS,
        teachers_link.take_link,
        teachers_link.written_link,
    ),
    "toy": Page(
        "Toy", toy_page, frozenset(), lambda _: None, dict, has_side_bar=False, is_listed=False
    ),
    "try": Page(
        "Try it",
        _try_it,
        try_link.PARAMETERS,
        try_link.take_link,
        try_link.written_link,
        has_side_bar=False,
        is_listed=False,
    ),
    "class": Page(
        "Class",
        _class,
        class_link.PARAMETERS,
        class_link.take_link,
        class_link.written_link,
        has_side_bar=False,
        is_listed=False,
        is_followers=True,
    ),
}  # the first one has the bare address


def show() -> None:
    """Draw the page that the address names, with the links to all pages in its side bar."""
    pages = _pages()
    current = st.navigation(list(pages.values()), position="hidden")
    if session().opens_lab:
        # The address goes along: what a page writes while the page changes is lost (1.67).
        parameters = PAGES["lab"].written_link()
        session().opens_lab = False
        st.switch_page(pages["lab"], query_params=parameters)
    name = next(name for name, page in pages.items() if page is current)
    session().set_page(name)
    _take_address(name)
    session().follows_class = PAGES[name].is_followers
    if PAGES[name].has_side_bar:
        with st.sidebar:
            _links("pages")
    # Beside a side bar it is shown only where that is closed at first.
    with st.container(key="top" if PAGES[name].has_side_bar else "top_alone", gap=None):
        _links("pages_on_top", has_links=not PAGES[name].is_followers)
    current.run()
    with st.sidebar if PAGES[name].has_side_bar else st.container(key="foot"):
        report_button()


def _pages() -> dict[str, StreamlitPage]:
    return {name: _page(name) for name in PAGES}


def _page(name: str) -> StreamlitPage:
    page = PAGES[name]
    return st.Page(page.draw, title=page.title, url_path=name or None, default=not name)


def _link_to(name: str, label: str | None = None, icon: str | None = None) -> None:
    """Draw a link to a page.

    It carries the parameters that its page is going to write; otherwise the browser's way back
    would lead through an address without any, at which everything has its default.
    """
    parameters = PAGES[name].written_link()
    st.page_link(_page(name), label=label, icon=icon, query_params=parameters)


def _take_address(name: str) -> None:
    """Take over what the address says when it is new.

    The controls: when the session begins, and when the browser goes back or forward. The page's
    own parameters: also when the page is first opened.
    """
    now, parameters = session(), _as_written_now(st.query_params.to_dict())
    is_new = not now.controls or is_history_navigation()
    if is_new:
        others = frozenset({owner.PARAMETER}).union(*(page.parameters for page in PAGES.values()))
        config, complaints = read_controls(parameters, others)
        now.set_controls(config)
        now.complaints = complaints
        if owner.PARAMETER in parameters:  # the server takes the right one out of the address
            now.complain(owner.WRONG_KEY)
        now.visit += 1
        now.visited_pages.discard(name)
    if name not in now.visited_pages:
        PAGES[name].take_link(parameters)
        now.visited_pages.add(name)  # after it: what is interrupted is taken again


def _as_written_now(parameters: dict[str, str]) -> dict[str, str]:
    """Return an address with today's names: `over`, now a control, once chose a view's classes."""
    if re.fullmatch(r"few|medium|many|[0-9]{1,9}", parameters.get("over", "")):
        parameters["classes"] = parameters.pop("over")
    return parameters


def _links(key: str, *, has_links: bool = True) -> None:
    """Draw the name of the app, and a link to each page."""
    st.markdown("#### Bilevel Distillation Lab")
    if not has_links:
        return
    with st.container(horizontal=True, gap="small", key=key):
        for name, page in PAGES.items():
            if page.is_listed:
                _link_to(name)
