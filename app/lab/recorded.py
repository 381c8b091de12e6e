"""Runs that come as a zip: those recorded with the project, and those that a user uploads."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import BinaryIO

import streamlit as st

from app.shared import access, engine
from app.shared.engine import attempt
from app.shared.markdown import plain
from app.shared.session import session
from bikd_core.places import ASSETS
from bikd_core.runs.importing import used_bytes
from bikd_core.store import CorruptRunError, run_ids
from bikd_core.store.archive import read_record
from bikd_core.store.intake import Progress, nobody_watches

log = logging.getLogger(__name__)


def recorded(place: str) -> None:
    """Draw the recorded runs, each a button, and a place to drop another run's zip.

    Args:
        place: Where on the page, for the keys of the widgets.
    """
    runs = _in_folder(ASSETS / "runs")
    if runs:
        st.markdown("##### Recorded runs")
        st.caption("They open at once: nothing is trained, nothing is downloaded.")
    for path, name in runs:
        st.button(
            plain(name),
            key=f"{place} recorded {path.stem}",
            icon=":material/movie:",
            on_click=_open,
            args=(path,),
        )
    upload = st.file_uploader(
        "Open a run that was exported", type="zip", key=f"{place} upload", max_upload_size=500
    )
    places = engine.manager().places
    used, quota = _used_gb(str(places.runs)), places.quota_bytes / 1e9
    st.caption(f"All runs use {used:.1f} of {quota:g} GB.")
    if upload is not None and upload.file_id != session().read_upload:
        session().read_upload = upload.file_id
        _open_upload(upload)
        st.rerun()


@st.cache_data(show_spinner=False)
def _in_folder(folder: Path) -> list[tuple[Path, str]]:
    """Return path and name of each recorded run, in the order of the file names."""
    found = []
    for path in sorted(folder.glob("*.zip")):
        try:
            found.append((path, read_record(path).name))
        except CorruptRunError as error:
            log.warning("left out of the recorded runs: %s", error)
    return found


@st.cache_data(show_spinner=False, ttl=60)
def _used_gb(runs_dir: str) -> float:
    return used_bytes(Path(runs_dir)) / 1e9


def _open_upload(upload: BinaryIO) -> None:
    bar = st.progress(0.0, text="Reading the run in a process of its own …")

    def show(done: int, total: int) -> None:
        bar.progress(
            done / total, text=f"Reading the run: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
        )

    _open(upload, show)
    bar.empty()


def _open(source: Path | BinaryIO, on_progress: Progress = nobody_watches) -> None:
    session().forget_complaints()
    known = run_ids(engine.manager().places.runs)
    run_id = attempt(lambda: engine.manager().open_recorded(source, on_progress))
    if run_id is not None:
        session().show_run(run_id)
        if run_id not in known:  # else it already belongs to somebody
            attempt(lambda: access.claim(run_id))
        session().set_controls(engine.manager().snapshot(run_id).config)
