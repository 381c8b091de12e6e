"""The bar in which a view is chosen, and the runs as the chosen view needs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from app.components.report import ignore
from app.lab.views import VIEWS, Moment, View, has_many_classes, open_view, show_value
from app.shared.session import session
from bikd_core.runs import Snapshot


def choose_view(
    snapshot: Snapshot, on_choice: Callable[[], None] = ignore, *, suffix: str = ""
) -> None:
    """Draw the bar of views, and the choice of groups or classes where there are many classes.

    Args:
        snapshot: The run.
        on_choice: Called when somebody has chosen, before the script runs again.
        suffix: Of the widgets' keys: another one begins them anew.
    """

    def take() -> None:
        session().view = st.session_state[f"view{suffix}"]
        session().by = st.session_state.get(f"weights_by{suffix}", session().by)
        on_choice()

    show_value(f"view{suffix}", open_view().name)
    st.segmented_control(
        "View",
        [view.name for view in VIEWS],
        key=f"view{suffix}",
        required=True,
        label_visibility="collapsed",
        persist_state="session",
        on_change=take,
    )
    if has_many_classes(snapshot):
        show_value(f"weights_by{suffix}", session().by)
        st.segmented_control(
            "Weights by",
            ["groups", "classes"],
            format_func="by {}".format,
            key=f"weights_by{suffix}",
            required=True,
            label_visibility="collapsed",
            persist_state="session",
            on_change=take,
        )


def show_moments(view: View, moments: Sequence[Moment]) -> None:
    """Draw a run, or two side by side, in a view."""
    with st.container(key="view_shown"):
        if len(moments) == 1:
            view.show(moments[0])
        else:
            view.show_pair(*moments)


def moments_of(runs: Sequence[Snapshot], epoch: int | None, view: View) -> list[Moment]:
    """Return each run at an epoch, or at its last one before; None: the newest."""
    by_class = not has_many_classes(runs[0]) or session().by == "classes"
    link = session().view_links.get(view.name)
    return [
        Moment(run, min(epoch or len(run.epochs), len(run.epochs)), by_class, link) for run in runs
    ]
