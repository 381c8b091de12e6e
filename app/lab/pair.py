"""A second run beside the open one: choose it, start it, say in what the two differ."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from app.shared import access, engine
from app.shared.busy_start import start_or_ask_if_busy
from app.shared.engine import attempt
from app.shared.expiry import period
from app.shared.session import session
from app.takeaway.button import as_html_button
from bikd_core.config import METHOD_FACTS, RunConfig, as_text, fields, signed
from bikd_core.config.difference import Difference, differences
from bikd_core.runs import Snapshot

LIST_AGE_S = 2.0  # after that the list of runs is read again
_SHOWN_DIFFERENCES = 4


# In words ----------------------------------------------------------------------------------------


def in_words(found: Sequence[Difference]) -> str:
    """Return how run B differs from run A: "B differs only in method: kd instead of bikd"."""
    if not found:
        return "B has the same controls as A: any difference is chance."
    if len(found) == 1:
        return f"B differs only in {_one_in_words(found[0])}."
    listed = "; ".join(_one_in_words(difference) for difference in found[:_SHOWN_DIFFERENCES])
    more = len(found) - _SHOWN_DIFFERENCES
    return (
        f"B differs in {len(found)} controls: {listed}{f'; and {more} more' if more > 0 else ''}."
    )


def between(first: Snapshot, second: Snapshot) -> str:
    """Return how run B, the second, differs from A; nobody knows how somebody's own loop trains."""
    runs = {"A": first, "B": second}
    own = [name for name, run in runs.items() if run.config.is_recorded_elsewhere]
    if not own:
        return in_words(differences(first.config, second.config))
    were = "was" if len(own) == 1 else "were"
    names = " and ".join(own)
    return f"{names} {were} recorded in somebody's own loop: how the runs differ is not known here."


def _one_in_words(difference: Difference) -> str:
    title = (fields()[difference.name].title or difference.name).lower()
    return f"{title}: {_text(difference.second)} instead of {_text(difference.first)}"


def _text(value: Any) -> str:
    if value in METHOD_FACTS:
        return METHOD_FACTS[value].title
    return "none" if value is None else as_text(value)


def gain_over_kd(snapshot: Snapshot, kd: Snapshot | None, epoch: int) -> str:
    """Return by how many points a run's balanced accuracy leads KD's at an epoch; "": unknown."""
    if kd is None or not 1 <= epoch <= min(len(snapshot.epochs), len(kd.epochs)):
        return ""
    own, other = (round(100 * run.epochs[epoch - 1].accuracy, 1) for run in (snapshot, kd))
    gain = own - other  # of what is shown, so that it is their difference there too
    return f"{signed(gain)} vs KD, same seed"


# The second run ----------------------------------------------------------------------------------


def second_run(snapshot: Snapshot | None) -> Snapshot | None:
    """Return the run beside the open one; complain and take it away if there is no such run."""
    now = session()
    if not now.second_run:
        return None
    second = None
    if snapshot is None or now.second_run == snapshot.run_id:
        now.complain(
            f"with = {now.second_run[:80]!r} needs another run to stand beside: open one first."
        )
    else:
        second = attempt(lambda: engine.linked_snapshot("with", now.second_run))
    if second is None:
        now.second_run = ""
    return second


def same_run_by(snapshot: Snapshot, method: str) -> Snapshot | None:
    """Return the newest run of a method that differs from this run in nothing else; or None."""
    for other in _runs():
        found = differences(snapshot.config, other.config)
        if [difference.name for difference in found] == ["method"] and found[0].second == method:
            return other
    return None


@st.cache_resource(max_entries=2, show_spinner=False)
def _listed(folder: str, changed_ns: int, when: int) -> tuple[Snapshot, ...]:
    return attempt(lambda: engine.manager().list()) or ()


def _runs() -> tuple[Snapshot, ...]:
    """Return all runs as they were up to `LIST_AGE_S` ago; one that is new since is among them."""
    folder = engine.manager().places.runs
    changed_ns = folder.stat().st_mtime_ns if folder.exists() else 0
    return _listed(str(folder), changed_ns, period(LIST_AGE_S))


# Choosing it -------------------------------------------------------------------------------------


def choice_of_second_run(snapshot: Snapshot, second: Snapshot | None) -> None:
    """Draw a popover: put a run beside the open one, start the one that is missing, or clone."""
    with st.popover("Two runs", icon=":material/compare:"):
        st.caption(
            "Two runs side by side on the same axes and colours: A is the opened run, B the other."
        )
        _choose(snapshot, second)
        if not snapshot.config.is_recorded_elsewhere:
            _other_method(snapshot)
            _clone_button(snapshot)
        if second is not None and all(run.has_ended and run.epochs for run in (snapshot, second)):
            as_html_button([snapshot, second], "Both as a web page (.html)")


def _clone_button(snapshot: Snapshot) -> None:
    st.button(
        "Clone: change one control, then Start",
        key="clone",
        icon=":material/content_copy:",
        on_click=_clone,
        args=(snapshot,),
        help="Sets all controls, the seed too, to this run's. The run that you start next "
        "is shown with this one beside it.",
    )


def _choose(snapshot: Snapshot, second: Snapshot | None) -> None:
    """Draw the list of the other runs, and the way back to one run."""
    found = {
        other.run_id: (other.name, differences(snapshot.config, other.config))
        for other in _runs()
        if other.run_id not in {snapshot.run_id, second.run_id if second else ""}
    }

    def label(run_id: str) -> str:
        name, found_between = found[run_id]
        if snapshot.config.is_recorded_elsewhere:
            return name
        names = ", ".join(difference.name for difference in found_between[:3])
        return f"{name} · {names or 'the same controls'}{' …' if len(found_between) > 3 else ''}"

    # Each second run has a widget of its own, so that none is ever set: a browser may send what
    # a widget showed before as if it had been chosen.
    key = f"beside {session().second_run}"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Beside this run (nearest first)",
            sorted(found, key=lambda run_id: len(found[run_id][1])),
            index=None,
            format_func=label,
            placeholder=f"B is {second.name}" if second else "no other run",
            key=key,
            on_change=_put_beside,
            args=(key,),
        )
        st.button("A alone", key="alone", disabled=second is None, on_click=_put_beside, args=("",))


def _put_beside(key: str) -> None:
    """Show the run that is chosen in the widget of that key as run B; "": show none."""
    session().forget_complaints()
    chosen = st.session_state[key] if key else ""
    if chosen is not None:
        session().second_run = chosen


def _other_method(snapshot: Snapshot) -> None:
    """Draw the choice of another method, which shows the same run by it, or starts one."""
    others = [name for name in METHOD_FACTS if name != snapshot.config.method.method]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        method = st.selectbox(
            "Another method, all else the same",
            others,
            index=others.index("kd") if "kd" in others else 0,
            format_func=lambda name: METHOD_FACTS[name].title,
            key="rival_method",
        )
        existing = same_run_by(snapshot, method)
        st.button(
            "Show it" if existing else "Train it",
            key="rival",
            icon=f":material/{'compare' if existing else 'play_arrow'}:",
            on_click=_show_other_method,
            args=(snapshot, method, existing.run_id if existing else None),
            help="Same seed, same split, same teacher: the method is the one difference.",
        )


def _show_other_method(snapshot: Snapshot, method: str, run_id: str | None) -> None:
    if run_id is not None:
        _show_beside(run_id)
        return
    config: RunConfig = snapshot.config.changed(method=method)
    start_or_ask_if_busy(config, partial(_train_beside, config), _show_beside)


def _show_beside(run_id: str) -> None:
    session().forget_complaints()
    session().second_run = run_id


def _train_beside(config: RunConfig) -> None:
    run_id = attempt(lambda: engine.manager().start(config))
    _listed.clear()
    if run_id is not None:
        session().second_run = run_id
        attempt(lambda: access.claim(run_id))


def _clone(snapshot: Snapshot) -> None:
    session().forget_complaints()
    session().set_controls(snapshot.config)
    session().cloned_run = snapshot.run_id
    st.toast("All controls are this run's now. Change one, then press Start.")
