"""The Lab: set a run up, start and steer it, watch it live, go back in time."""

from __future__ import annotations

import streamlit as st

from app.components import page_is_hidden, timeline
from app.lab import choices, pair, runs_list, show_view
from app.lab.buttons import buttons
from app.lab.headline import headline, pair_headline
from app.lab.link import open_run, written_link
from app.lab.side_bar import side_bar
from app.shared import access, audience, engine
from app.shared.address import write_address
from app.shared.complaints import show_complaints
from app.shared.session import session
from bikd_core.runs import Snapshot, UnknownRun
from bikd_core.teachers.card import list_teachers


def page() -> None:
    """Draw the whole page, from top to bottom."""
    snapshot = open_run()
    if snapshot is not None:
        choices.fit_to(snapshot)
    second = pair.second_run(snapshot)
    _take_linked_view()
    with st.sidebar:
        teachers = dict(list_teachers(engine.manager().places.teacher_folders()))
        config = side_bar(teachers, is_idle=snapshot is None or snapshot.has_ended)
    access.exchange_keys()
    buttons(config, snapshot, second)
    show_complaints()
    is_hidden = page_is_hidden()
    if snapshot is None:
        write_address(written_link())
        runs_list.welcome()
        return
    runs = (snapshot,) if second is None else (snapshot, second)
    is_polled = not is_hidden and not all(run.has_ended for run in runs)
    # A fragment, so that another view redraws neither the side bar nor the buttons.
    st.fragment(_run, key="run")(runs, session().linked_epoch, is_polled=is_polled)


def _take_linked_view() -> None:
    if "linked_view" not in st.session_state:  # only a link that was just opened says something
        st.session_state.setdefault("view", show_view.FIRST_VIEW)
        return
    asked = st.session_state.pop("linked_view")
    st.session_state["view"] = asked if asked in show_view.VIEWS else show_view.FIRST_VIEW
    if asked not in {None, *show_view.VIEWS}:
        session().complain(
            f"view = {asked[:40]!r} is not possible: it must be one of "
            f"{', '.join(show_view.VIEWS)}. "
            f"{show_view.FIRST_VIEW} is shown."
        )


# The opened run --------------------------------------------------------------------------------


def _run(runs: tuple[Snapshot, ...], start: int | None, *, is_polled: bool) -> None:
    """The choice of a view, then all that is shown of the run, again and again while it trains."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        view = _view(runs[0].config.data.dataset)
        choices.widgets(view, runs[0])
    kd = None if len(runs) > 1 else pair.same_run_by(runs[0], "kd")
    poll_s = audience.poll_s(runs[0].run_id) if is_polled else None
    live = st.fragment(_live, run_every=poll_s, key="live")
    live(tuple((run.run_id, run.state) for run in runs), view, start, kd, poll_s)


def _view(dataset: str) -> str:
    """The choice of a view, and of groups or classes where these are too many for a ridge each."""
    view = st.segmented_control(
        "View", list(show_view.VIEWS), key="view", required=True, label_visibility="collapsed"
    )
    if show_view.has_many_classes(dataset):
        st.segmented_control(
            "Weights by",
            ["groups", "classes"],
            format_func="by {}".format,
            key="weights_by",
            required=True,
            label_visibility="collapsed",
        )
    return view or show_view.FIRST_VIEW


def _live(
    drawn: tuple[tuple[str, str], ...],
    view: str,
    start: int | None,
    kd: Snapshot | None,
    poll_s: float | None,
) -> None:
    """Everything that changes while a run trains; a full rerun where the buttons must change.

    Args:
        drawn: Id and state of the opened run, and of the one beside it, as the buttons show it.
        view: The view's name.
        start: The epoch that the link names.
        kd: The run that the opened one's accuracy is compared with.
        poll_s: How often this is drawn; None: once.
    """
    if poll_s is not None and poll_s != audience.poll_s(drawn[0][0]):
        st.rerun()  # an interval cannot be changed from here
    try:
        runs = tuple(engine.manager().snapshot(run_id) for run_id, _ in drawn)
    except UnknownRun:  # deleted meanwhile
        st.rerun()
    if any(run.state != state_then for run, (_, state_then) in zip(runs, drawn, strict=True)):
        st.rerun()
    headlines = st.container(key="headlines")  # filled when the epoch is known
    choice = timeline(
        key=f"timeline {runs[0].run_id} {session().visit}",
        planned=max(run.config.training.epochs for run in runs),
        done=max(len(run.epochs) for run in runs),
        is_live=not all(run.has_ended for run in runs),
        start=start,
    )
    drawn_by = choices.for_link(runs[0].run_id)
    if view != show_view.FIRST_VIEW:
        drawn_by["view"] = view
    if choice.settled is not None:
        drawn_by["epoch"] = str(choice.settled)
    write_address(written_link() | drawn_by)
    epochs = [min(choice.epoch or len(run.epochs), len(run.epochs)) for run in runs]
    by_class = (
        not show_view.has_many_classes(runs[0].config.data.dataset)
        or st.session_state.get("weights_by") == "classes"
    )
    with headlines:
        if len(runs) == 1:
            headline(runs[0], epochs[0], pair.gain_over_kd(runs[0], kd, epochs[0]))
        else:
            pair_headline((runs[0], runs[1]), (epochs[0], epochs[1]))
    if len(runs) == 1:
        show_view.show(view, runs[0], epochs[0], by_class=by_class)
    else:
        show_view.show_pair(view, (runs[0], runs[1]), (epochs[0], epochs[1]), by_class=by_class)
