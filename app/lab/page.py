"""The Lab: set a run up, start and steer it, watch it live, go back in time."""

from __future__ import annotations

from time import monotonic

import streamlit as st

from app.classroom.here import tell_place
from app.classroom.host import host_panel
from app.classroom.state import Place
from app.components import chosen_epoch, page_is_hidden, timeline
from app.lab import pair, runs_list, views
from app.lab.buttons import buttons, first_start
from app.lab.headline import headline, pair_headlines
from app.lab.link import LabLink, open_run, written_link
from app.lab.presenter import one_question, presenter
from app.lab.side_bar import side_bar
from app.lab.views import View
from app.lab.views.bar import choose_view, moments_of, show_moments
from app.shared import access, audience, engine
from app.shared.address import write_address
from app.shared.complaints import show_complaints
from app.shared.controls import chosen_config
from app.shared.long_work import wait_until
from app.shared.session import session
from bikd_core.runs import Snapshot, UnknownRun
from bikd_core.teachers.card import list_teachers

#: Seconds for which a browser that comes by a link draws figures before it draws the controls:
#: as many widgets take it longer than the figures themselves.
HEAD_START_S = 0.5


def page() -> None:
    """Draw the whole page: the controls of the next run last, since people wait for the figures."""
    is_first, session().has_drawn_lab = not session().has_drawn_lab, True
    snapshot = open_run()
    if snapshot is not None:
        for complaint in views.fit_links(snapshot):
            session().complain(complaint)
    second = pair.second_run(snapshot)
    config, _ = chosen_config()
    with st.sidebar:
        with st.container(key="first_start"):
            first_start(config)
        place_for_controls = st.container(key="next_run")
    access.exchange_keys()
    with st.container(key="lab"):  # its rows stand close together: see style.css
        buttons(config, snapshot, second)
        show_complaints()
        is_hidden = page_is_hidden()
        host_panel(is_hidden=is_hidden)
        if snapshot is None:
            write_address(written_link())
            runs_list.welcome()
        else:
            _open((snapshot,) if second is None else (snapshot, second), is_hidden=is_hidden)
    if snapshot is not None and is_first:
        _wait_for_figures()
    with place_for_controls:
        side_bar(dict(list_teachers(engine.manager().places.teacher_folders())), snapshot)


def _wait_for_figures() -> None:
    end = monotonic() + HEAD_START_S
    wait_until(lambda: monotonic() >= end)


# The opened run --------------------------------------------------------------------------------


def _open(runs: tuple[Snapshot, ...], *, is_hidden: bool) -> None:
    """Draw the opened run, and the one beside it if there is one."""
    presenter(runs)
    is_polled = not is_hidden and not all(run.has_ended for run in runs)
    # A fragment, so that another view redraws neither the side bar nor the buttons.
    st.fragment(_run, key="run")(runs, session().linked_epoch, is_polled=is_polled)


def _run(runs: tuple[Snapshot, ...], start: int | None, *, is_polled: bool) -> None:
    """Draw the choice of a view, then the run in that view, repeatedly while it trains."""
    with st.container(key="views", horizontal=True, vertical_alignment="center", gap="small"):
        choose_view(runs[0])
        view = views.open_view()
        view.widgets(runs[0])
        view = one_question(view, runs)
        st.html(f'<h2 class="unseen">{view.question}</h2>')  # for screen readers
    kd = None if len(runs) > 1 else pair.same_run_by(runs[0], "kd")
    poll_s = audience.poll_s(runs[0].run_id) if is_polled else None
    live = st.fragment(_live, run_every=poll_s, key="live")
    live(tuple((run.run_id, run.state) for run in runs), view, start, kd, poll_s)


def _live(
    drawn: tuple[tuple[str, str], ...],
    view: View,
    start: int | None,
    kd: Snapshot | None,
    poll_s: float | None,
) -> None:
    """Draw all that changes while a run trains; rerun the whole page if the buttons must change.

    Args:
        drawn: Id and state of the opened run, and of the one beside it, as the buttons show it.
        view: The view that is open.
        start: The epoch that the link names.
        kd: The run that the opened one's accuracy is compared with.
        poll_s: Seconds between two draws; None to draw once.
    """
    if poll_s is not None and poll_s != audience.poll_s(drawn[0][0]):
        st.rerun()  # an interval cannot be changed from here
    try:
        runs = tuple(engine.manager().snapshot(run_id) for run_id, _ in drawn)
    except UnknownRun:  # deleted meanwhile
        st.rerun()
    if any(run.state != state_then for run, (_, state_then) in zip(runs, drawn, strict=True)):
        st.rerun()
    key = f"timeline {runs[0].run_id} {session().visit}"
    done = max(len(run.epochs) for run in runs)
    for moment in moments_of(runs, chosen_epoch(key=key, done=done, start=start), view):
        view.prepare(moment)  # before anything is sent: all of a poll shows one epoch
    headlines = st.container(key="headlines", gap=None)  # filled when the epoch is known
    choice = timeline(
        key=key,
        planned=max(run.config.training.epochs for run in runs),
        done=done,
        is_live=not all(run.has_ended for run in runs),
        start=start,
    )
    shown = LabLink(
        epoch=choice.settled,
        view=view.name,
        by=session().by,
    )
    write_address(written_link() | shown.write() | views.written_links(runs[0].run_id))
    second_run = runs[1].run_id if len(runs) > 1 else ""
    tell_place(Place(runs[0].run_id, second_run, view.name, session().by, choice.epoch))
    moments = moments_of(runs, choice.epoch, view)
    with headlines:
        if len(runs) == 1:
            epoch = moments[0].chosen
            headline(runs[0], epoch, pair.gain_over_kd(runs[0], kd, epoch))
        else:
            pair_headlines((runs[0], runs[1]), (moments[0].chosen, moments[1].chosen))
    show_moments(view, moments)
