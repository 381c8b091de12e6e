"""Earlier runs, to be opened: in a dialog, and on the page while no run is open."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from app.figures.drawing import percent
from app.lab.recorded import recorded
from app.shared import access, state, status
from app.shared.state import attempt
from bikd_core.runs import BrokenRun, Snapshot

SHOWN = 12  # runs at first
FEW = 4  # runs that need no search


def welcome() -> None:
    """What to do first, and the earlier runs."""
    st.info(
        "Press Start: the run trains in the background, and its weights are drawn here while it "
        "does. With the digits it takes a few seconds and needs no download.",
        icon=":material/play_arrow:",
    )
    recorded("welcome")
    runs = attempt(lambda: state.manager().list()) or ()
    broken = attempt(lambda: state.manager().broken()) or ()
    if runs or broken:
        st.markdown("##### Earlier runs")
    if runs:
        _rows(runs, "welcome")
    _broken_rows(broken, "welcome")


@st.dialog("Earlier runs", width="large")
def dialog() -> None:
    """All runs of this server's folder, newest first."""
    runs = attempt(lambda: state.manager().list()) or ()
    if not runs:
        st.write("There are none yet: press Start to make the first.")
    _rows(runs, "dialog")
    _broken_rows(attempt(lambda: state.manager().broken()) or (), "dialog")
    recorded("dialog")


def _rows(runs: tuple[Snapshot, ...], place: str) -> None:
    """A row for each run that is searched for, newest first, some at a time."""
    if len(runs) > FEW:
        asked = st.text_input(
            "Search",
            key=f"{place} search",
            icon=":material/search:",
            placeholder="name, data set, method or state",
            label_visibility="collapsed",
        )
        runs = tuple(run for run in runs if matches(run, asked))
    key = f"{place} shown"
    shown = st.session_state.get(key, SHOWN)
    for snapshot in runs[:shown]:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if st.button(
                "Open", key=f"{place} open {snapshot.run_id}", icon=":material/folder_open:"
            ):
                _open(snapshot)
            st.markdown(_line(snapshot), width="stretch")
    if not runs:
        st.caption("No run is called so, or is like that.")
    if len(runs) > shown:
        st.button(
            f"{len(runs) - shown} more",
            key=f"{place} more",
            icon=":material/expand_more:",
            on_click=_show_more,
            args=(key, shown),
        )


def _broken_rows(runs: tuple[BrokenRun, ...], place: str) -> None:
    """A row for each run whose files cannot be read: why, and how to delete it."""
    for run in runs:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            refusal = access.refusal(run.folder)
            with st.popover("Delete", icon=":material/delete:", disabled=bool(refusal)):
                st.button(
                    "Delete this run from the disk",
                    key=f"{place} delete {run.run_id}",
                    on_click=_delete,
                    args=(run.run_id,),
                )
            st.markdown(
                f"**{_plain(run.run_id)}** cannot be read: {_plain(run.reason)}", width="stretch"
            )


def _delete(run_id: str) -> None:
    state.forget_complaints()
    attempt(lambda: access.delete(run_id))


def _show_more(key: str, shown: int) -> None:
    st.session_state[key] = shown + 4 * SHOWN


def matches(snapshot: Snapshot, asked: str) -> bool:
    """Every word that is asked for stands somewhere in what the run is."""
    about = " ".join(
        [
            snapshot.name,
            snapshot.run_id,
            snapshot.config.data.dataset,
            status.method_of(snapshot),
            *status.headline(snapshot),
        ]
    ).casefold()
    return all(word in about for word in asked.casefold().split())


def _open(snapshot: Snapshot) -> None:
    state.show_run(snapshot.run_id)
    state.take_controls_of(snapshot.config)
    st.rerun()


def _line(snapshot: Snapshot) -> str:
    """Name, state, accuracy, size and date; Markdown is taken off the name, which a user gave."""
    name, words = status.headline(snapshot)
    accuracy = f" · {percent(snapshot.epochs[-1].accuracy)} balanced" if snapshot.epochs else ""
    return (
        f"**{_plain(snapshot.name)}** :{status.colour_of(snapshot)}-badge[{name}] {words}{accuracy}"
        f" · {snapshot.folder.size_bytes() / 1e6:.1f} MB · {_when(snapshot.created)}"
    )


def _plain(text: str) -> str:
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]<>()#+-.!|$:~" else sign for sign in text)


def _when(moment: datetime) -> str:
    return moment.astimezone().strftime("%d %b %Y %H:%M")
