"""The list of earlier runs: in a dialog, and on the page while no run is open."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from app.figures.drawing import percent
from app.lab.recorded import recorded
from app.shared import access, clicks, engine, status
from app.shared.engine import attempt
from app.shared.markdown import plain
from app.shared.session import session
from bikd_core.runs import BrokenRun, Snapshot

SHOWN = 12  # runs at first
FEW = 4  # runs that need no search


def welcome() -> None:
    """Draw what to do first, and the earlier runs."""
    st.info(
        "Press Start: the run trains in the background, and its weights are drawn here while it "
        "does. The side bar says about how long it will take; the digits need no download.",
        icon=":material/play_arrow:",
    )
    recorded("welcome")
    runs = attempt(lambda: engine.manager().list()) or ()
    broken = attempt(lambda: engine.manager().broken()) or ()
    if runs or broken:
        st.markdown("##### Earlier runs")
    if runs:
        _rows(runs, "welcome")
    _broken_rows(broken, "welcome")


def earlier_runs() -> None:
    """Draw the button that opens the list in a dialog, until that is closed."""
    if clicks.dialog_button("Earlier runs", key="runs", icon=":material/history:"):
        _dialog()


@st.dialog("Earlier runs", width="large", on_dismiss=clicks.close_dialog)
def _dialog() -> None:
    """Draw all runs of this server, newest first."""
    runs = attempt(lambda: engine.manager().list()) or ()
    if not runs:
        st.write("There are none yet: press Start to make the first.")
    _rows(runs, "dialog")
    _broken_rows(attempt(lambda: engine.manager().broken()) or (), "dialog")
    recorded("dialog")


def _rows(runs: tuple[Snapshot, ...], place: str) -> None:
    """Draw a row for each run that matches the search, newest first, some at a time."""
    if len(runs) > FEW:
        search = st.text_input(
            "Search",
            key=f"{place} search",
            icon=":material/search:",
            placeholder="name, data set, method or state",
            label_visibility="collapsed",
        )
        runs = tuple(run for run in runs if matches(run, search))
    shown = session().num_listed.get(place, SHOWN)
    for snapshot in runs[:shown]:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if st.button(
                "Open",
                key=f"{place} open {snapshot.run_id}",
                icon=":material/folder_open:",
                on_click=_open,
                args=(snapshot,),
            ):
                st.rerun()  # the whole page, without the dialog
            st.markdown(_line(snapshot), width="stretch")
    if not runs:
        st.caption("No run matches.")
    if len(runs) > shown:
        st.button(
            f"{len(runs) - shown} more",
            key=f"{place} more",
            icon=":material/expand_more:",
            on_click=_show_more,
            args=(place, shown),
        )


def _broken_rows(runs: tuple[BrokenRun, ...], place: str) -> None:
    """Draw a row for each run whose files cannot be read: the reason, and a button to delete it."""
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
                f"**{plain(run.run_id)}** cannot be read: {plain(run.reason)}", width="stretch"
            )


def _delete(run_id: str) -> None:
    session().forget_complaints()
    attempt(lambda: access.delete(run_id))


def _show_more(place: str, shown: int) -> None:
    session().num_listed[place] = shown + 4 * SHOWN


def matches(snapshot: Snapshot, search: str) -> bool:
    """Return whether each word of a search occurs in the run's name, id, data, method or state."""
    about = " ".join(
        [
            snapshot.name,
            snapshot.run_id,
            snapshot.config.data.dataset,
            snapshot.data_title,
            status.method_of(snapshot),
            # How far it came would need its log.
            *((snapshot.state,) if snapshot.has_ended else status.headline(snapshot)),
        ]
    ).casefold()
    return all(word in about for word in search.casefold().split())


def _open(snapshot: Snapshot) -> None:
    clicks.close_dialog()
    session().show_run(snapshot.run_id)
    session().set_controls(snapshot.config)


def _line(snapshot: Snapshot) -> str:
    """Return name, state, accuracy, size and date; the name, a user's text, is no Markdown."""
    name, words = status.headline(snapshot)
    accuracy = f" · {percent(snapshot.epochs[-1].accuracy)} balanced" if snapshot.epochs else ""
    return (
        f"**{plain(snapshot.name)}** :{status.colour_of(snapshot)}-badge[{name}] {words}{accuracy}"
        f" · {snapshot.folder.size_bytes() / 1e6:.1f} MB · {_when(snapshot.created)}"
    )


def _when(moment: datetime) -> str:
    return moment.astimezone().strftime("%d %b %Y %H:%M")
