"""Runs that come as a zip: those recorded with the project, and what a user uploads."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import BinaryIO

import streamlit as st

from app import state
from app.state import attempt, manager
from bikd_core.places import ASSETS
from bikd_core.store import CorruptRunError
from bikd_core.store.archive import read_record

log = logging.getLogger(__name__)


def recorded(place: str) -> None:
    """The recorded runs, each a button, and a place to drop another run's zip.

    Args:
        place: Where on the page, for the keys of the widgets.
    """
    runs = _in_folder(ASSETS / "runs")
    if runs:
        st.markdown("##### Recorded runs")
        st.caption("They open at once: nothing is trained, nothing is downloaded.")
    for path, name in runs:
        if st.button(name, key=f"{place} recorded {path.stem}", icon=":material/movie:"):
            _open(path)
    upload = st.file_uploader(
        "Open a run that was exported", type="zip", key=f"{place} upload", max_upload_size=500
    )
    if upload is not None:
        _open(upload)


@st.cache_data(show_spinner=False)
def _in_folder(folder: Path) -> list[tuple[Path, str]]:
    """Path and name of each recorded run, by file name."""
    found = []
    for path in sorted(folder.glob("*.zip")):
        try:
            found.append((path, read_record(path).name))
        except CorruptRunError as error:
            log.warning("left out of the recorded runs: %s", error)
    return found


def _open(source: Path | BinaryIO) -> None:
    run_id = attempt(lambda: manager().open_recorded(source))
    if run_id is None:
        return
    state.show_run(run_id)
    state.take_controls_of(manager().snapshot(run_id).config)
    st.rerun()
