"""The lesson: a card with a question, and the live view that it sets beside itself."""

from __future__ import annotations

import html
from collections.abc import Callable

import streamlit as st

from app.classroom.here import hosted_class
from app.classroom.host import host_panel
from app.classroom.state import Question
from app.components import live_plot, page_is_hidden
from app.components.lesson_card import lesson_card
from app.components.live_slider import live_slider
from app.components.run_sound import run_sound, sound_of
from app.components.terms_text import terms_text
from app.lesson.beside import FIGURE_SCALE, HANDS_ON, foot_of
from app.lesson.cards import (
    ENGLISH,
    PLACEHOLDER,
    Card,
    LessonError,
    Symbol,
    count,
    read_card,
    symbols,
)
from app.lesson.link import LessonLink, written_link
from app.lesson.scene import Knob, Scene
from app.lesson.scenes import SCENES, scene
from app.lesson.text import said_of, text_of
from app.shared import access
from app.shared.address import write_address
from app.shared.complaints import show_complaints
from app.shared.markdown import plain
from app.shared.recorded import open_run
from app.shared.session import session
from app.toy import warm_up

RECORDED = "Recorded run"


def page(link_to: Callable[[str, str, str], None]) -> None:
    """Draw the whole page, from top to bottom.

    Args:
        link_to: Draws a link to a page, from its name, a label and an icon.
    """
    write_address(written_link())
    access.exchange_keys()  # of the class that this browser may host
    link = session().link(LessonLink)
    try:
        card, known, language = _card(link)
        shown = scene(card.view)
    except LessonError as error:
        st.error(plain(str(error)))
        return
    answer = session().lesson_answers.get(link.lesson)
    with st.container(key="lesson"):
        show_complaints()
        host_panel(
            is_hidden=hosted_class() is not None and page_is_hidden(),
            card=lambda: _to_ask(card, shown, known, link),
        )
        beside, view = st.columns([5, 7], gap="large")
        with beside:
            lesson_card(
                text_of(
                    card,
                    link.lesson,
                    _numbers(card, shown, is_revealed=answer is not None),
                    known,
                    is_revealed=answer is not None,
                    answer=answer,
                    language=language,
                    chosen_language=link.language,
                ),
                key="lesson_card",
                on_move=_move,
                on_answer=_answer,
                on_language=_choose_language,
            )
        with view, st.container(key="lesson_view", gap="xxsmall"):
            _view(card, shown, is_revealed=answer is not None)
            if link.lesson == count() and answer is not None:
                with st.container(key="lesson_end", horizontal=True, gap="medium"):
                    link_to("lab", "**Try it in the Lab**", ":material/science:")
                    link_to("compare", "**Compare methods**", ":material/balance:")
                    link_to("toy", "**Play with the toy**", ":material/touch_app:")


def _card(link: LessonLink) -> tuple[Card, dict[str, Symbol], str]:
    """Return the card, the symbols and the card's language.

    Where a language has a fault, complain and take English.
    """
    card, complaint = read_card(link.lesson, link.language)
    known = symbols(ENGLISH)
    try:
        known = symbols(link.language)
    except LessonError as error:
        session().complain(f"{error} The English ones are shown.")
    if link.language != ENGLISH and (fault := _fault(card, known)):
        card, _ = read_card(link.lesson)
        where = f"Card {link.lesson} of the lesson in the language {link.language}"
        complaint = f"{where} {fault}. The English one is shown."
    if complaint:
        session().complain(complaint)
    return card, known, ENGLISH if complaint else link.language


def _fault(card: Card, known: dict[str, Symbol]) -> str:
    """Return what a card asks for that is not there, in words; "" if nothing."""
    if card.view not in SCENES:
        return f"names the view {card.view!r}: it must be one of {', '.join(SCENES)}"
    missing = card.placeholders() - set(scene(card.view).numbers)
    missing |= set(PLACEHOLDER.findall(card.equation)) - set(known)
    return f"uses {sorted(missing)[0]!r}, which has no number or no meaning" if missing else ""


def _numbers(card: Card, shown: Scene, *, is_revealed: bool) -> dict[str, str]:
    """Return a card's numbers, those that its slider moves where it stands."""
    stage = shown.stage(is_revealed=is_revealed)
    if not isinstance(stage, Knob):
        return shown.numbers
    return shown.numbers | stage.numbers(_value(card.view, stage))


def _to_ask(card: Card, shown: Scene, known: dict[str, Symbol], link: LessonLink) -> Question:
    """Return a card's question for a class, with its right answer."""
    text = text_of(
        card,
        link.lesson,
        shown.numbers,
        known,
        is_revealed=True,
        language=link.language,
        chosen_language=link.language,
    )
    return Question(text.question, tuple(text.choices), text.right)


def _view(card: Card, shown: Scene, *, is_revealed: bool) -> None:
    hands_on = HANDS_ON.get(card.view)
    if hands_on is not None and _is_tried(card.view, hands_on.label):
        _heading(hands_on.label)
        hands_on.draw()
        return
    _heading(shown.source or "The recorded run")
    stage = shown.stage(is_revealed=is_revealed)
    epoch = shown.epoch
    if isinstance(stage, Knob):
        value = _value(card.view, stage)
        figure, epoch = stage.draw(value), value if stage.is_epoch else epoch
    else:
        figure = stage
    has_sound = is_revealed and shown.has_sound
    live_plot(
        figure,
        key="lesson_figure",
        keep_zoom_of=f"{card.view} {is_revealed}",
        scale=FIGURE_SCALE,
        foot=foot_of(stage, has_sound=has_sound),
    )
    if isinstance(stage, Knob):
        _knob(card.view, stage)
    if has_sound:
        run_sound(sound_of(shown.run.epochs, shown.run.started), key="lesson_sound")
    with st.container(key="lesson_foot", horizontal=True, vertical_alignment="center"):
        st.caption(plain(said_of(shown, epoch)), width="content")
        st.button(
            "Open a run in the Lab" if shown.source else "Open it in the Lab",
            key="lesson_to_lab",
            icon=":material/open_in_new:",
            type="tertiary",
            on_click=_open_in_lab,
            args=(shown, epoch),
        )


def _heading(words: str) -> None:
    """Draw a heading of the live view for screen readers alone."""
    st.html(f'<h2 class="unseen">{html.escape(words)}</h2>')


def _value(view: str, knob: Knob) -> int:
    return knob.within(session().knobs.get(f"{view} {knob.label}", knob.start))


def _knob(view: str, knob: Knob) -> None:
    """Draw a figure's slider, with its name beside it."""

    def move(value: float) -> None:
        session().knobs[f"{view} {knob.label}"] = knob.within(value)

    with st.container(key="lesson_knob", horizontal=True, vertical_alignment="center"):
        terms_text(knob.label, key="lesson_knob_name", width="content")
        live_slider(
            knob.label,
            key=f"lesson_knob_{view}_{knob.label.lower().replace(' ', '_')}",
            low=knob.low,
            high=knob.high,
            value=_value(view, knob),
            on_move=move,
            words=knob.words,
        )


def _is_tried(view: str, label: str) -> bool:
    """Draw the choice between the recorded run and something to try; return whether to try it."""
    warm_up()  # its process takes seconds to start
    chosen = st.segmented_control(
        "What to look at",
        [RECORDED, label],
        default=RECORDED,
        required=True,
        key=f"lesson_tried_{view}",
        label_visibility="collapsed",
        persist_state="session",
    )
    return chosen == label


def _open_in_lab(shown: Scene, epoch: int) -> None:
    open_run(shown.run.path, opens_lab=True)
    session().view, session().linked_epoch = shown.lab_view, epoch


def _move(number: int) -> None:
    session().forget_complaints()
    link = session().link(LessonLink)
    session().set_link(link.model_copy(update={"lesson": max(1, min(number, count()))}))


def _choose_language(name: str) -> None:
    session().forget_complaints()
    link = session().link(LessonLink)
    session().set_link(link.model_copy(update={"language": name}))


def _answer(number: int, choice: int) -> None:
    """Keep the first answer of this session."""
    session().lesson_answers.setdefault(number, choice)
