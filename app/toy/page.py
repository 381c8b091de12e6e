"""The toy's own page."""

from __future__ import annotations

import streamlit as st

from app.components.terms_text import terms_text
from app.toy.digit import drawing
from app.toy.show import toy


def page() -> None:
    """Draw the page."""
    with st.container(key="toy_page", gap="xsmall"):
        _contents()


def _contents() -> None:
    terms_text("Who decides what a rare point counts?", key="toy_title", tag="h1")
    terms_text(
        "A student learns from labels and from a teacher, right now. Drag the rings, which are the "
        "balanced D_val: the weights of the points follow them.",
        key="toy_intro",
    )
    toy("toy")
    terms_text("Draw a digit: would its label count?", key="drawing_title", tag="h2")
    drawing("drawing")
