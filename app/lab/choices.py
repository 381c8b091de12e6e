"""How a view is drawn, as the viewer chooses: a choice outlasts the view, and is in the link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import streamlit as st
from pydantic import Field

from app.lab import step_view
from app.lab.moment import Choices
from app.shared.link import Link, WholeNumber
from app.shared.session import session
from bikd_core.data.facts import facts_of
from bikd_core.evaluation import head_to_tail
from bikd_core.runs import Snapshot

_GROUPS = ("few", "medium", "many")


class DrawnBy(Link):
    """What an address says of how the views are drawn."""

    view: str = Field("", description="the name of a view")
    axes: Literal["log", "linear"] = Field("log", description="one of log, linear")
    by: Literal["groups", "classes"] = Field("groups", description="one of groups, classes")
    order: Literal["hard", "soft"] = Field("hard", description="one of hard, soft")
    over: Literal["few", "medium", "many"] | WholeNumber = Field(
        "few", description="few, medium, many or the number of a class"
    )
    phase: WholeNumber | None = Field(None, ge=1, description="a whole number from 1 on")
    step: WholeNumber | None = Field(None, ge=1, description="a whole number from 1 on")


PARAMETERS = frozenset(DrawnBy.parameters())

_KEYS = {"axes": "surface_axes", "by": "weights_by", "order": "gallery_by"}  # of the widgets


def take_link(parameters: Mapping[str, str]) -> None:
    """Take what a link says of how figures are drawn; what it cannot say is told."""
    link, complaints = DrawnBy.read(parameters)
    session().complaints += complaints
    for name, key in _KEYS.items():
        _set(key, getattr(link, name))
    _set("over_time_of", str(link.over))
    for name in ("phase", "step"):
        st.session_state[f"linked_{name}"] = getattr(link, name)


def fit_to(snapshot: Snapshot) -> None:
    """Leave out what a link asks for and this run does not have, with a sentence."""
    asked = st.session_state["kept_over_time_of"]
    num_classes = facts_of(snapshot.config.data.dataset).num_classes
    if asked.isdigit() and int(asked) >= num_classes:
        _set("over_time_of", "few")
        session().complain(
            f"over = {asked!r} is not possible: the run has the classes 0 to {num_classes - 1}. "
            "few is used."
        )


def for_link(run_id: str) -> dict[str, str]:
    """What a link has to say of it: whatever is not the default."""
    options = {"axes": ("log", "linear"), "by": ("groups", "classes"), "order": ("hard", "soft")}
    said = {name: _chosen(key, options[name]) for name, key in _KEYS.items()}
    said = {name: value for name, value in said.items() if value != options[name][0]}
    over = st.session_state.get("over_time_of") or st.session_state["kept_over_time_of"]
    if over != "few":
        said["over"] = over
    return said | step_view.for_link(run_id)


def _set(key: str, value: str) -> None:
    st.session_state[key] = st.session_state[f"kept_{key}"] = value


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
