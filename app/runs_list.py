"""Earlier runs, to be opened: in a dialog, and on the page while no run is open."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from app import state, status
from app.figures.drawing import percent
from app.recorded import recorded
from app.state import attempt
from bikd_core.runs import Snapshot

SHOWN = 12  # newest runs; the others are found by typing


def welcome() -> None:
    """What to do first, and the earlier runs."""
    st.info(
        "Press Start: the run trains in the background, and its weights are drawn here while it "
        "does. With the digits it takes a few seconds and needs no download.",
        icon=":material/play_arrow:",
    )
    recorded("welcome")
    runs = attempt(lambda: state.manager().list()) or ()
    if runs:
        st.markdown("##### Earlier runs")
        _rows(runs, "welcome")


@st.dialog("Earlier runs", width="large")
def dialog() -> None:
    """All runs of this server's folder, newest first."""
    runs = attempt(lambda: state.manager().list()) or ()
    if not runs:
        st.write("There are none yet: press Start to make the first.")
    _rows(runs, "dialog")
    recorded("dialog")


def _rows(runs: tuple[Snapshot, ...], place: str) -> None:
    for snapshot in runs[:SHOWN]:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if st.button(
                "Open", key=f"{place} open {snapshot.run_id}", icon=":material/folder_open:"
            ):
                _open(snapshot)
            st.markdown(_line(snapshot), width="stretch")
    if len(runs) > SHOWN:
        by_id = {snapshot.run_id: snapshot for snapshot in runs[SHOWN:]}
        chosen = st.selectbox(
            f"{len(by_id)} older runs",
            list(by_id),
            index=None,
            format_func=lambda run_id: f"{by_id[run_id].name} · {_when(by_id[run_id].created)}",
            placeholder="type to search",
            key=f"{place} older",
        )
        if chosen is not None:
            _open(by_id[chosen])


def _open(snapshot: Snapshot) -> None:
    state.show_run(snapshot.run_id)
    state.take_controls_of(snapshot.config)
    st.rerun()


def _line(snapshot: Snapshot) -> str:
    """Name, state, accuracy and date; the name is a user's text, so its Markdown is taken off."""
    name, words = status.headline(snapshot)
    accuracy = f" · {percent(snapshot.epochs[-1].accuracy)} balanced" if snapshot.epochs else ""
    return (
        f"**{_plain(snapshot.name)}** :{status.colour_of(snapshot)}-badge[{name}] {words}{accuracy}"
        f" · {_when(snapshot.created)}"
    )


def _plain(text: str) -> str:
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]<>()#+-.!|$:~" else sign for sign in text)


def _when(moment: datetime) -> str:
    return moment.astimezone().strftime("%d %b %Y %H:%M")
