"""The widgets of how a view is drawn; what was chosen outlasts a change of the view."""

from __future__ import annotations

import streamlit as st

from app.moment import Choices


def widgets(view: str) -> None:
    """Draw those that the view has. Outside what is polled, so that a click is never lost."""
    if view == "Surface":
        _one_of("surface_axes", "Axes", ["log", "linear"], "{} axes")


def chosen(*, by_class: bool) -> Choices:
    """What was chosen, or what is drawn until something is."""
    is_linear = _kept("surface_axes", "log") == "linear"
    return Choices(by_class=by_class, axes="linear" if is_linear else "log")


def _one_of(key: str, label: str, options: list[str], words: str) -> None:
    # A widget's own state goes when its view is left: the choice is kept under another name.
    st.session_state.setdefault(key, _kept(key, options[0]))
    st.segmented_control(
        label,
        options,
        format_func=words.format,
        key=key,
        required=True,
        label_visibility="collapsed",
    )
    st.session_state[f"kept_{key}"] = st.session_state[key]


def _kept(key: str, otherwise: str) -> str:
    kept: str = st.session_state.get(f"kept_{key}", otherwise)
    return kept
