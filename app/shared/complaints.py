"""The complaints on the page: sentences about refused input."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.shared.markdown import plain
from app.shared.session import session


def place_for_complaints() -> DeltaGenerator:
    """Return the place for complaints, drawn even if empty, so that what follows does not move."""
    return st.container(key="complaints")


def show_complaints(place: DeltaGenerator | None = None) -> None:
    """Draw the complaints, here or in their place."""
    with place or place_for_complaints():
        for sentence in session().complaints:
            st.warning(plain(sentence))
