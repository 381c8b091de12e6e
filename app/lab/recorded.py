"""Runs that come as a zip: those recorded with the project, and those that a user uploads."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import streamlit as st

from app.shared import engine
from app.shared.expiry import period
from app.shared.recorded import open_run, recorded_cards
from app.shared.session import session
from bikd_core.runs.importing import used_bytes

USED_AGE_S = 60.0  # after that the runs' size on the disk is taken again


def recorded(place: str) -> None:
    """Draw the recorded runs as cards, and a place to drop another run's zip.

    Args:
        place: Where on the page, for the keys of the widgets.
    """
    recorded_cards(place)
    upload = st.file_uploader(
        "Open a run that was exported", type="zip", key=f"{place} upload", max_upload_size=500
    )
    places = engine.manager().places
    used, quota = _used_gb(str(places.runs), period(USED_AGE_S)), places.quota_bytes / 1e9
    st.caption(f"All runs use {used:.1f} of {quota:g} GB.")
    if upload is not None and upload.file_id != session().read_upload:
        _open_upload(upload)
        session().read_upload = upload.file_id
        st.rerun()


@st.cache_data(max_entries=2, show_spinner=False)
def _used_gb(runs_dir: str, when: int) -> float:
    return used_bytes(Path(runs_dir)) / 1e9


def _open_upload(upload: BinaryIO) -> None:
    bar = st.progress(0.0, text="Reading the run in a process of its own …")

    def show(done: int, total: int) -> None:
        bar.progress(
            done / total, text=f"Reading the run: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
        )

    open_run(upload, show)
    bar.empty()
