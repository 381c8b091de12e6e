"""What a host has on the screen: the class's link, how many follow, "Look here", a question."""

from __future__ import annotations

import html
from collections.abc import Callable

import segno
import streamlit as st

from app.classroom import here
from app.classroom.here import HostOf, classes, hosted_class
from app.classroom.state import (
    FOLLOWERS,
    MAX_CHOICE,
    MAX_CHOICES,
    MAX_TEXT,
    MIN_CHOICES,
    ClassroomError,
    Hosted,
    Place,
    Question,
    checked,
)
from app.components.class_question import ShownQuestion, class_question
from app.server import inputs
from app.shared import access, clicks
from app.shared.markdown import plain
from app.shared.session import session

POLL_S = 2.0
_NONE = "none of them"


def open_class_button(place: Place, refusal: str) -> None:
    """Draw the button that opens a class, unless this browser hosts one.

    Args:
        place: Where the host is.
        refusal: Why this browser may not steer the run; "" if it may.
    """
    if hosted_class() is None:
        st.button(
            "Open a class",
            key="open_class",  # its style shows the icon alone
            icon=":material/groups:",
            disabled=bool(refusal),
            on_click=here.open_class,
            args=(place,),
            help=plain(refusal)
            or "Open a class: others follow this run by a short link, on laptop or phone.",
        )


def host_panel(*, is_hidden: bool, card: Callable[[], Question] | None = None) -> None:
    """Draw the panel of the class that this browser hosts, if it hosts one.

    Args:
        is_hidden: Whether nobody can see the page.
        card: Returns the question of the lesson's card that is open; None on other pages.
    """
    host = hosted_class()
    if host is None:
        return
    poll_s = None if is_hidden else POLL_S
    shown = classes().hosted(*host)
    with st.container(key="class_host", gap="xsmall"):
        with st.container(
            key="class_row", horizontal=True, vertical_alignment="center", gap="small"
        ):
            st.fragment(_here, run_every=poll_s, key="class_here")(host)
            st.button(
                "Look here",
                key="class_look",
                icon=":material/visibility:",
                on_click=here.look_here,
                help="Brings every follower to your run, view and epoch, once: they can go on by "
                "themselves at once.",
            )
            if card is not None:
                st.button(
                    "Ask this card's question",
                    key="class_ask_card",
                    icon=":material/school:",
                    on_click=here.ask,
                    args=(card(),),
                )
            _ask(shown)
            st.button(
                "Hide the link" if session().shows_invitation else "Show the link",
                key="class_invite",
                icon=":material/qr_code_2:",
                on_click=_toggle_invitation,
            )
            _end(host)
        if session().shows_invitation:
            _invitation(host)
        if shown.question is not None:
            st.fragment(_tally, run_every=None if shown.is_revealed else poll_s, key="tally")(host)
            _close(shown)


# Its parts ---------------------------------------------------------------------------------------


def _here(host: HostOf) -> None:
    """Draw the code and how many follow, repeatedly."""
    if (now := _hosted(host)) is not None:
        st.markdown(
            f"**Class {host.code} · {now.num_here} here**",
            width="content",
            help=f"Who follows now. A class holds {FOLLOWERS} followers at once.",
        )


def _tally(host: HostOf) -> None:
    """Draw the question with the answers so far, repeatedly."""
    now = _hosted(host)
    if now is None or now.question is None:
        return
    answers = sum(now.counts)
    shown = (
        "They are shown to the class." if now.is_revealed else "The class does not see them yet."
    )
    class_question(
        ShownQuestion(
            number=now.number,
            text=now.question.text,
            choices=now.question.choices,
            can_answer=False,
            answer=None,
            right=now.question.right if now.is_revealed else None,
            counts=now.counts,
            said=f"{answers} of {max(now.num_here, answers)} have answered. {shown}",
        ),
        key="class_tally",
    )


def _hosted(host: HostOf) -> Hosted | None:
    """Return what the host sees; None, and the page is drawn anew, if the class is over."""
    try:
        return classes().hosted(*host)
    except ClassroomError:
        st.rerun()


def _invitation(host: HostOf) -> None:
    link = access.page_link("class", join=host.code)
    with st.container(
        key="class_invitation", horizontal=True, vertical_alignment="center", gap="medium"
    ):
        st.html(
            f'<img class="bikd-qr" src="{_qr_code(link)}" alt="QR code of the link">',
            width="content",
        )
        with st.container(gap="xsmall"):
            st.html(f'<p class="bikd-invitation">{html.escape(link)}</p>')
            st.markdown(
                f"Scan the code or type the link: up to {FOLLOWERS} can follow. They see your run "
                "live, can look around alone, and steer nothing."
            )
            if access.is_for_this_machine_alone():
                st.caption("Only this machine can open it: `bikd app --share` lets others in.")


@st.cache_data(max_entries=50, show_spinner=False)
def _qr_code(link: str) -> str:
    """Return the QR code of a link as the address of an image: black on white in each theme."""
    return str(segno.make(link, error="m").png_data_uri(scale=8, border=3))


def _close(shown: Hosted) -> None:
    with st.container(key="class_close", horizontal=True, gap="small"):
        if not shown.is_revealed:
            st.button(
                "Show the answers to the class",
                key="class_reveal",
                type="primary",
                icon=":material/bar_chart:",
                on_click=here.reveal,
            )
        st.button(
            "Take the question away",
            key="class_withdraw",
            icon=":material/close:",
            on_click=here.withdraw,
        )


def _ask(shown: Hosted) -> None:
    """Draw the popover in which a question is typed; another one after each question: closed."""
    number = shown.number
    with (
        st.popover("Ask", icon=":material/help:", key=f"class_ask_{number}"),
        st.form(f"class_form_{number}", border=False),
    ):
        st.caption("Questions of the lesson are put to the class from their cards, on Learn.")
        text = st.text_input("Question", max_chars=MAX_TEXT, key=f"class_text_{number}")
        columns = st.columns(2)
        choices = [
            columns[index % 2].text_input(
                f"Choice {index + 1}",
                max_chars=MAX_CHOICE,
                placeholder="" if index < MIN_CHOICES else "may stay empty",
                key=f"class_choice_{index}_{number}",
            )
            for index in range(MAX_CHOICES)
        ]
        right = st.selectbox(
            "The right one",
            [_NONE, *(f"choice {index + 1}" for index in range(MAX_CHOICES))],
            key=f"class_right_{number}",
            help="Marked when you show the answers to the class.",
        )
        key = f"class_put_{number}"
        if clicks.button("Put it to the class", key=key, draw=st.form_submit_button):
            place = None if right == _NONE else int(right.split()[1]) - 1
            try:
                with inputs.uninterrupted():  # or the question is lost, or put twice
                    clicks.acted_on(key)
                    session().forget_complaints()
                    here.ask(checked(text, choices, place))
            except ClassroomError as error:
                st.warning(plain(str(error)))
            else:
                st.rerun()


def _end(host: HostOf) -> None:
    with st.popover("End", icon=":material/logout:", key="class_end"):
        st.caption("The link stops working. The run goes on, and so do its own links.")
        st.button(f"End class {host.code}", key="class_end_now", on_click=here.end_class)


def _toggle_invitation() -> None:
    session().shows_invitation = not session().shows_invitation
