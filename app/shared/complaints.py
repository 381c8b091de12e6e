"""The sentences about what was refused, on the page."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.shared.session import session


def place_for_complaints() -> DeltaGenerator:
    """Return where they are drawn: always there, so that what comes after it keeps its place."""
    return st.container(key="complaints")


def show_complaints(place: DeltaGenerator | None = None) -> None:
    """Draw the sentences, here or in their place."""
    with place or place_for_complaints():
        for sentence in session().complaints:
            st.warning(sentence)
