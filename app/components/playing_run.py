"""A run that plays through its epochs by itself, in the browser alone."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.components.source import text_of
from app.figures.playing import Playing
from app.server.static_files import static_url
from app.shared.glossary import marks

_mount = st.components.v2.component(
    "bikd_playing_run",
    css=text_of("playing_run.css"),
    js=text_of("playing_run.js").replace("TERMS", static_url("glossary_terms.js")),
    isolate_styles=False,
)


def data_of(run: Playing) -> dict[str, Any]:
    """Return what the picture's script needs: the numbers, and where its words use a term."""
    intro = marks(run.intro)
    terms = {"intro": intro, "rival": marks(run.rival, known={mark[2] for mark in intro})}
    return run._asdict() | {"terms": terms}


def playing_run(run: Playing, *, key: str) -> None:
    """Draw the picture, which gets all epochs at once and then asks the server for nothing."""
    _mount(key=key, data=[data_of(run)])  # in a list: see `live_plot`
