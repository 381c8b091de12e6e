"""The widgets of how a view is drawn; what was chosen outlasts a change of the view."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.moment import Choices
from bikd_core.evaluation import head_to_tail
from bikd_core.runs import Snapshot

_GROUPS = ("few", "medium", "many")


def widgets(view: str, snapshot: Snapshot) -> None:
    """Draw those that the view has. Outside what is polled, so that a click is never lost."""
    if view == "Surface":
        options = ["log", "linear"]
        _keep("surface_axes", options)
        st.segmented_control(
            "Axes",
            options,
            format_func="{} axes".format,
            key="surface_axes",
            required=True,
            label_visibility="collapsed",
        )
    elif view == "Weights":
        words = _classes(snapshot)
        _keep("over_time_of", list(words))
        st.selectbox(
            "Over time",
            list(words),
            format_func=words.__getitem__,
            key="over_time_of",
            width=220,
            label_visibility="collapsed",
        )


def chosen(snapshot: Snapshot, *, by_class: bool) -> Choices:
    """What was chosen, or what is drawn until something is."""
    is_linear = _chosen("surface_axes", ("log", "linear")) == "linear"
    return Choices(
        by_class=by_class,
        axes="linear" if is_linear else "log",
        over_time_of=_chosen("over_time_of", list(_classes(snapshot))),
    )


def _classes(snapshot: Snapshot) -> dict[str, str]:
    """Whose weights can be drawn over time, in words: a group, or a class by its label."""
    words = {group: f"over time: {group} classes" for group in _GROUPS}
    if (run := snapshot.resolved) is not None:
        for label in head_to_tail(run.class_counts):
            counted = f"{run.class_names[label]} · {run.class_counts[label]:,}"
            words[str(label)] = f"over time: class {counted}"
    return words


def _keep(key: str, options: Sequence[str]) -> None:
    """Give a widget what was chosen when it was last on the page: its own state goes with it."""
    st.session_state[key] = _chosen(key, options)
    st.session_state[f"kept_{key}"] = st.session_state[key]


def _chosen(key: str, options: Sequence[str]) -> str:
    """The newest choice that is possible for the opened run, else the first option."""
    for name in (key, f"kept_{key}"):
        if (value := st.session_state.get(name)) in options:
            return str(value)
    return options[0]
