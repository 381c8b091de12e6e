"""The buttons for a run, or a pair of runs, as one HTML file, and for a run as a notebook."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.takeaway.bake import MOST_BYTES, bake
from app.takeaway.file import as_html
from app.takeaway.notebook import as_notebook
from bikd_core.runs import Snapshot


def as_html_button(runs: Sequence[Snapshot], label: str) -> None:
    """Draw the button; the file is made when somebody asks for it."""
    has_pictures = len(runs) == 1 and st.checkbox(
        "Web page with training pictures",
        key=f"html_pictures {runs[0].run_id}",
        help="Then whoever gets the file gets the pictures shown in the view Pictures, too.",
    )
    st.download_button(
        label,
        data=lambda: as_html(bake(runs, has_pictures=has_pictures)),
        file_name=f"{'-and-'.join(run.run_id for run in runs)}.html",
        mime="text/html",
        icon=":material/html:",
        on_click="ignore",
        help="All views and epochs in one file that needs no server and no network, to hand out or "
        f"to publish; at most about {(MOST_BYTES + 2_000_000) / 1e6:.0f} MB, else it holds every "
        "second or third epoch and says so. It holds no training pictures unless asked for. "
        "Making it takes some seconds.",
    )


def as_notebook_button(run: Snapshot) -> None:
    """Draw the button for a Jupyter notebook; the file is made when somebody asks for it."""
    st.download_button(
        "As a notebook (.ipynb)",
        data=lambda: as_notebook(run),
        file_name=f"{run.run_id}.ipynb",
        mime="application/x-ipynb+json",
        icon=":material/code:",
        on_click="ignore",
        help="Trains this run again, cell by cell, and draws the same figures; it needs the "
        "project beside Jupyter.",
    )
