"""The app's entry point, `streamlit run app/main.py`, with what all pages share."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[1])
if sys.path[0] != ROOT:  # first: the working folder, which may be there too, may hold an app.py
    sys.path.insert(0, ROOT)

import streamlit as st  # noqa: E402

from app import navigation  # noqa: E402
from app.components.live_plot import provide_plotly  # noqa: E402

provide_plotly()
st.set_page_config("Bilevel Distillation Lab", page_icon="⚖️", layout="wide")
st.html(Path(__file__).with_name("style.css"))
st.html(Path(__file__).parent / "components" / "live_plot.css")
navigation.show()
