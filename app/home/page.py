"""The first page: a recorded run that plays by itself, one sentence, and three doors."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.components.playing_run import playing_run
from app.home.first_picture import first_picture
from app.shared import engine
from app.shared.address import write_address
from app.shared.complaints import show_complaints
from app.shared.recorded import recorded_cards

DOORS = (
    ("learn", "Learn", ":material/school:", "Ten cards, a question on each. About twenty minutes."),
    ("lab", "Try", ":material/science:", "Train a student of your own and watch it learn."),
    ("compare", "Compare", ":material/balance:", "Methods side by side, over several seeds."),
)


def page(link_to: Callable[[str, str, str], None]) -> None:
    """Draw the whole page, from top to bottom.

    Args:
        link_to: Draws a link to a page, from its name, a label and an icon.
    """
    write_address({})
    with st.container(key="home"):
        show_complaints()
        _picture()
        with st.container(key="doors"):
            for name, label, icon, words in DOORS:
                with st.container(key=f"door_{name}", gap=None):
                    link_to(name, f"**{label}**", icon)
                    st.caption(words)
        recorded_cards("home", opens_lab=True)
    engine.manager()  # begins to warm the process that trains, for whoever goes on to the Lab


def _picture() -> None:
    shown = first_picture()
    if shown is not None:
        playing_run(shown, key="playing_run")
