"""A follower's page: the host's run, live. Who scrubs or changes the view looks on alone.

"Live" leads back to where the host is, and so does the host's "Look here".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import streamlit as st

from app.classroom.here import answer, attend, seat_in
from app.classroom.link import ClassLink, written_link
from app.classroom.state import CODE_LENGTH, Attended, ClassroomError, Place, as_code
from app.components import chosen_epoch, page_is_hidden, timeline
from app.components.class_question import ShownQuestion, class_question
from app.components.timeline import HostAt
from app.lab.headline import headline, pair_headlines
from app.lab.views import View, open_view
from app.lab.views.bar import choose_view, moments_of, show_moments
from app.shared import access, audience, clicks, engine
from app.shared.address import write_address
from app.shared.complaints import show_complaints
from app.shared.markdown import plain
from app.shared.session import Seat, session
from bikd_core.runs import CorruptRunError, Snapshot, UnknownRun

_ANY_EPOCH = 10**9
WELCOME = (
    "You see what the host shows. Move the slider or choose a view to look on your own; ● Live "
    "goes back to the host."
)


class _Followed(NamedTuple):
    """A follower and what was last drawn for it."""

    seat: Seat
    seen: Attended


def page(link_to: Callable[[str, str, str], None]) -> None:
    """Draw the whole page, from top to bottom.

    Args:
        link_to: Draws a link to a page, from its name, a label and an icon.
    """
    write_address(written_link())
    access.exchange_keys()
    is_hidden = page_is_hidden()
    with st.container(key="class_page"):
        show_complaints()
        join = session().link(ClassLink).join
        if not join:
            _ask_for_code()
            return
        try:
            seat = seat_in(as_code(join))
            seen = attend(seat)
        except ClassroomError as error:
            st.warning(plain(str(error)))
            _ask_for_code()
            with st.container(horizontal=True, gap="medium"):
                link_to("", "**See what this is about**", ":material/home:")
                link_to("learn", "**Learn by yourself**", ":material/school:")
            return
        with st.container(key="lab"):  # its rows are as close as the Lab's
            _class(seat, seen, is_hidden=is_hidden)


def _ask_for_code() -> None:
    st.markdown("### Join a class")
    with st.form("join", border=False, width=360):
        typed = st.text_input(f"Code on the host's screen ({CODE_LENGTH} letters and digits)")
        icon = ":material/login:"
        draw = st.form_submit_button
        if clicks.button("Join", key="join_class", draw=draw, type="primary", icon=icon):
            session().forget_complaints()
            session().set_link(ClassLink(join=typed[: 4 * CODE_LENGTH]))
            clicks.acted_on("join_class")
            st.rerun()


def _class(seat: Seat, seen: Attended, *, is_hidden: bool) -> None:
    st.caption(f"**Class {seat.code}.** {WELCOME}")
    _question(seat, seen)
    _follow_host(seat, seen)
    followed = _Followed(seat, seen)
    runs = _runs(seat)
    if not runs and not _is_with_host(seat):  # there is no way back by "Live" then
        seat.is_away, seat.runs = False, ()
        _follow_host(seat, seen)
        runs = _runs(seat)
    if runs:
        # A fragment, so that another view draws only what is below it anew.
        st.fragment(_run, key="run")(followed, runs, is_hidden=is_hidden)
    else:
        st.info("The run that the host showed is gone. What comes next appears here by itself.")
        _wait(followed, None if is_hidden else _poll_s(seat))


# Following the host ------------------------------------------------------------------------------


def _follow_host(seat: Seat, seen: Attended) -> None:
    """Go where the host is, unless this follower looks on alone."""
    if seat.look != seen.look:
        seat.look, seat.is_away = seen.look, False  # the slider begins anew: see `_key`
        seat.runs = ()
    if (_is_with_host(seat) or not seat.runs) and _is_elsewhere(seat, seen.place):
        seat.runs = seen.place.runs
        session().view = seen.place.view
        session().by = "classes" if seen.place.by == "classes" else "groups"
        seat.moves += 1


def _is_with_host(seat: Seat) -> bool:
    return not seat.is_away and _own_epoch(seat) is None


def _own_epoch(seat: Seat) -> int | None:
    """Return the epoch that the follower has chosen; None: the host's."""
    return chosen_epoch(key=_key(seat), done=_ANY_EPOCH, start=None)


def _key(seat: Seat) -> str:
    return f"timeline {seat.code} {seat.look} {' '.join(seat.runs)}"


def _has_moved(followed: _Followed, now: Attended) -> bool:
    """Return whether the page must be drawn anew, the epoch aside."""
    seat = followed.seat
    is_left = _is_with_host(seat) and _is_elsewhere(seat, now.place)
    return now.news != followed.seen.news or is_left


def _is_elsewhere(seat: Seat, place: Place) -> bool:
    """Return whether the host shows another run or view than the follower sees."""
    return (place.runs, place.view, place.by) != (seat.runs, session().view, session().by)


def _poll_s(seat: Seat) -> float:
    return audience.poll_s(f"class {seat.code}")


def _runs(seat: Seat) -> tuple[Snapshot, ...]:
    """Return the runs that the follower sees; () if one is gone."""
    try:
        return tuple(engine.manager().snapshot(run_id) for run_id in seat.runs)
    except (UnknownRun, CorruptRunError):
        return ()


# What is polled ----------------------------------------------------------------------------------


def _run(followed: _Followed, runs: tuple[Snapshot, ...], *, is_hidden: bool) -> None:
    """Draw the choice of a view, then the run in that view.

    While the run trains it is drawn at each poll; else a poll only asks whether the host has moved.
    """
    with st.container(key="views", horizontal=True, vertical_alignment="center", gap="small"):
        # Its widgets begin anew when the host moves: a poll under way may bring what they showed
        # before, which would look like the follower's choice.
        choose_view(
            runs[0],
            on_choice=partial(_look_alone, followed.seat),
            suffix=f"_in_class_{followed.seat.moves}",
        )
        view = open_view()
        view.widgets(runs[0])
        st.html(f'<h2 class="unseen">{view.question}</h2>')  # for screen readers
    is_live = not all(run.has_ended for run in runs)
    poll_s = None if is_hidden else _poll_s(followed.seat)
    live = st.fragment(_live, run_every=poll_s if is_live else None, key="live")
    live(followed, tuple(run.state for run in runs), view, poll_s if is_live else None)
    if not is_live:
        _wait(followed, poll_s)


def _look_alone(seat: Seat) -> None:
    seat.is_away = True


def _look_with_host(seat: Seat) -> None:
    seat.is_away = False


def _wait(followed: _Followed, poll_s: float | None) -> None:
    st.fragment(_ask_for_news, run_every=poll_s, key="class_news")(followed, poll_s)


def _attend(seat: Seat, poll_s: float | None) -> Attended:
    """Return what the follower may know now; draw the page anew if the class is over."""
    if poll_s is not None and poll_s != _poll_s(seat):
        st.rerun()  # an interval cannot be changed from here
    try:
        return attend(seat)
    except ClassroomError:
        st.rerun()


def _ask_for_news(followed: _Followed, poll_s: float | None) -> None:
    """Draw nothing; draw the whole page anew if the host has moved or said something."""
    seat, now = followed.seat, _attend(followed.seat, poll_s)
    follows_epoch = _own_epoch(seat) is None and seat.runs == now.place.runs
    is_other_epoch = now.place.epoch != followed.seen.place.epoch
    if _has_moved(followed, now) or (follows_epoch and is_other_epoch):
        st.rerun()


def _live(followed: _Followed, states: tuple[str, ...], view: View, poll_s: float | None) -> None:
    """Draw the runs at the host's epoch, or at the follower's own.

    Args:
        followed: The follower.
        states: The state of each run when the page was drawn.
        view: The view that is open.
        poll_s: Seconds between two draws; None to draw once.
    """
    seat, now = followed.seat, _attend(followed.seat, poll_s)
    runs = _runs(seat)
    if _has_moved(followed, now) or tuple(run.state for run in runs) != states:
        st.rerun()
    done = max(len(run.epochs) for run in runs)
    host_epoch = now.place.epoch if seat.runs == now.place.runs else None
    for moment in moments_of(runs, _own_epoch(seat) or host_epoch, view):
        view.prepare(moment)  # before anything is sent: all of a poll shows one epoch
    headlines = st.container(key="headlines", gap=None)  # filled when the epoch is known
    choice = timeline(
        key=_key(seat),
        planned=max(run.config.training.epochs for run in runs),
        done=done,
        is_live=not all(run.has_ended for run in runs),
        start=None,
        host=HostAt(host_epoch, seat.is_away),
        on_live=partial(_look_with_host, seat),
    )
    moments = moments_of(runs, choice.epoch or host_epoch, view)
    with headlines:
        if len(runs) == 1:
            headline(runs[0], moments[0].chosen)
        else:
            pair_headlines((runs[0], runs[1]), (moments[0].chosen, moments[1].chosen))
    show_moments(view, moments)


# The question ------------------------------------------------------------------------------------


def _question(seat: Seat, seen: Attended) -> None:
    """Draw the question of the class, if there is one."""
    if seen.question is None:
        return
    is_revealed = bool(seen.counts)
    if is_revealed:
        said = f"Answers: {sum(seen.counts)}."
    elif seen.answer is None:
        said = "One tap answers; it cannot be taken back."
    else:
        said = "Your answer is in. The answers appear here when the host shows them."
    class_question(
        ShownQuestion(
            number=seen.number,
            text=seen.question.text,
            choices=seen.question.choices,
            can_answer=seen.answer is None and not is_revealed,
            answer=seen.answer,
            right=seen.question.right,
            counts=seen.counts,
            said=said,
        ),
        key="class_question",
        on_answer=partial(answer, seat),
    )
