"""The app's entry: `streamlit run app/main.py`. Navigation only: each page has a folder."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[1])
if ROOT not in sys.path:  # Streamlit puts only this file's own folder there
    sys.path.insert(0, ROOT)

import streamlit as st  # noqa: E402

from app.compare.page import page as compare_page  # noqa: E402
from app.components.live_plot import provide_plotly  # noqa: E402
from app.lab.page import page as lab_page  # noqa: E402
from app.teachers.page import page as teachers_page  # noqa: E402

provide_plotly()
st.set_page_config("Bilevel Distillation Lab", page_icon="⚖️", layout="wide")
st.html(Path(__file__).with_name("style.css"))
st.html(Path(__file__).parent / "components" / "live_plot.css")
pages = {
    "lab": st.Page(lab_page, title="Lab", url_path="lab", default=True),
    "compare": st.Page(compare_page, title="Compare", url_path="compare"),
    "teachers": st.Page(teachers_page, title="Teachers", url_path="teachers"),
}
st.session_state["pages"] = pages  # for links between them
st.navigation(list(pages.values()), position="hidden").run()
