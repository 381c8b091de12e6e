"""A second run beside the opened one: choosing it, making it, saying in what the two differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.shared import access, state
from app.shared.state import attempt
from bikd_core.config import METHOD_FACTS, RunConfig, as_text, fields
from bikd_core.config.difference import Difference, differences
from bikd_core.runs import Snapshot

LIST_AGE_S = 2.0  # the list of runs is read again after that
_SHOWN_DIFFERENCES = 4


# In words ----------------------------------------------------------------------------------------


def in_words(found: Sequence[Difference]) -> str:
    """What tells run B from run A: "B differs only in method: kd instead of bikd"."""
    if not found:
        return "B was asked the same as A: what differs is chance."
    if len(found) == 1:
        return f"B differs only in {_one(found[0])}."
    listed = "; ".join(_one(difference) for difference in found[:_SHOWN_DIFFERENCES])
    more = len(found) - _SHOWN_DIFFERENCES
    return (
        f"B differs in {len(found)} controls: {listed}{f'; and {more} more' if more > 0 else ''}."
    )


def _one(difference: Difference) -> str:
    title = (fields()[difference.name].title or difference.name).lower()
    return f"{title}: {_text(difference.second)} instead of {_text(difference.first)}"


def _text(value: Any) -> str:
    if value in METHOD_FACTS:
        return METHOD_FACTS[value].title
    return "none" if value is None else as_text(value)


def gain_over_kd(snapshot: Snapshot, kd: Snapshot | None, epoch: int) -> str:
    """By how many points a run's balanced accuracy leads plain KD's at the same epoch; or ""."""
    if kd is None or not 1 <= epoch <= min(len(snapshot.epochs), len(kd.epochs)):
        return ""
    gain = 100 * (snapshot.epochs[epoch - 1].accuracy - kd.epochs[epoch - 1].accuracy)
    return f"{gain:+.1f} vs KD, same seed".replace("-", "−")


# The second run ----------------------------------------------------------------------------------


def second_run(snapshot: Snapshot | None) -> Snapshot | None:
    """The run that the link puts beside the opened one; a sentence if there is no such run."""
    run_id: str = st.session_state["with"]
    if not run_id:
        return None
    if snapshot is None or run_id == snapshot.run_id:
        st.session_state["with"] = ""
        state.complain(f"with = {run_id[:80]!r} needs another run to stand beside: open one first.")
        return None
    second = attempt(lambda: state.snapshot_of("with", run_id))
    if second is None:
        st.session_state["with"] = ""
    return second


def run_of(snapshot: Snapshot, method: str) -> Snapshot | None:
    """The newest run that differs from this one in nothing but the method, which is the given."""
    for other in _runs():
        found = differences(snapshot.config, other.config)
        if [difference.name for difference in found] == ["method"] and found[0].second == method:
            return other
    return None


@st.cache_resource(ttl=LIST_AGE_S, show_spinner=False)
def _listed(folder: str) -> tuple[Snapshot, ...]:
    return attempt(lambda: state.manager().list()) or ()


def _runs() -> tuple[Snapshot, ...]:
    return _listed(str(state.manager().places.runs))


# Choosing it -------------------------------------------------------------------------------------


def compare(snapshot: Snapshot, second: Snapshot | None) -> None:
    """A popover: put a run beside the opened one, make the one that is missing, or clone."""
    with st.popover("Two runs", icon=":material/compare:"):
        st.caption(
            "Two runs side by side on the same axes and colours: A is the opened run, B the other."
        )
        _choose(snapshot, second)
        _rival(snapshot)
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
    """The list of the other runs, and the way back to one run."""
    found = {
        other.run_id: (other.name, differences(snapshot.config, other.config))
        for other in _runs()
        if other.run_id not in {snapshot.run_id, second.run_id if second else ""}
    }

    def label(run_id: str) -> str:
        name, between = found[run_id]
        names = ", ".join(difference.name for difference in between[:3])
        return f"{name} · {names or 'the same controls'}{' …' if len(between) > 3 else ''}"

    # A widget of its own for each second run, so that none is ever set: a browser may send what
    # a widget showed before as if it had been chosen.
    key = f"beside {st.session_state['with']}"
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
    """Show what the widget of that key has chosen as run B; "": nothing."""
    state.forget_complaints()
    chosen = st.session_state[key] if key else ""
    if chosen is not None:
        st.session_state["with"] = chosen


def _rival(snapshot: Snapshot) -> None:
    """The same run by another method: shown if it is there, else made."""
    others = [name for name in METHOD_FACTS if name != snapshot.config.method.method]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        method = st.selectbox(
            "Another method, all else the same",
            others,
            index=others.index("kd") if "kd" in others else 0,
            format_func=lambda name: METHOD_FACTS[name].title,
            key="rival_method",
        )
        there = run_of(snapshot, method)
        st.button(
            "Show it" if there else "Train it",
            key="rival",
            icon=f":material/{'compare' if there else 'play_arrow'}:",
            on_click=_show_rival,
            args=(snapshot, method, there.run_id if there else None),
            help="Same seed, same split, same teacher: the method is the one difference.",
        )


def _show_rival(snapshot: Snapshot, method: str, run_id: str | None) -> None:
    state.forget_complaints()
    config: RunConfig = snapshot.config.changed(method=method)
    made = run_id or attempt(lambda: state.manager().start(config))
    _listed.clear()
    if made is None:
        return
    st.session_state["with"] = made
    if not run_id:
        attempt(lambda: access.claim(made))


def _clone(snapshot: Snapshot) -> None:
    state.forget_complaints()
    state.take_controls_of(snapshot.config)
    st.session_state["cloned"] = snapshot.run_id
    st.toast("All controls are this run's now. Change one, then press Start.")
