"""What the networks said of a picture: the picture, both beliefs, and the weights of a label."""

from __future__ import annotations

import streamlit as st

from app import figures
from app.components import live_plot
from app.components.terms_text import terms_text
from app.figures.classes import rows_of
from app.figures.weight_axis import weight_axis_of
from app.shared import status
from app.shared.markdown import plain
from bikd_core.events import RunStarted
from bikd_core.runs import Snapshot
from bikd_core.students.picture_answer import PictureAnswer

_KINDS = ("hard", "soft")
_SHOWN_PX = 150


def show_pictures(answer: PictureAnswer, started: RunStarted) -> None:
    """Draw the picture as it is and as the networks see it; a test picture is both."""
    seen = (answer.seen, "As the networks see it")
    shown = [(answer.picture, "As it is"), seen]
    if answer.label is not None:
        shown = [(answer.seen, f"A test picture: {started.class_names[answer.label]}")]
    with st.container(key="try_pictures", horizontal=True, gap="small"):
        for uri, words in shown:
            with st.container(width=_SHOWN_PX, gap=None):
                # Our own process made the address, and it was checked: base64 and nothing else.
                st.html(f'<img class="bikd-tried" src="{uri}" alt="">')
                st.caption(plain(words))


def show_beliefs(answer: PictureAnswer, run: Snapshot, started: RunStarted) -> None:
    """Draw the beliefs as bars; with class biases if the visitor wants them and there are any."""
    place = st.container()
    has_biases = answer.calibrated is not None and st.toggle(
        "With class biases, fitted to D_val after training", key="try_biases"
    )
    student = answer.calibrated if has_biases and answer.calibrated else answer.student
    with place:
        live_plot(
            figures.beliefs(student, answer.teacher, started, answer.label),
            key="figure_beliefs",
            keep_zoom_of=f"beliefs {run.run_id}",
        )


def show_label(answer: PictureAnswer, run: Snapshot, started: RunStarted, what: str) -> None:
    """Draw the choice of a label, and both losses and weights of a training picture with it.

    Args:
        answer: What the networks said.
        run: The run.
        started: Names and counts of the classes.
        what: What was asked about: each picture begins with its own label.
    """
    rows = rows_of(started.class_names, started.class_counts)
    names = dict(zip(rows.labels, rows.names, strict=True))
    likeliest = max(range(len(answer.student)), key=lambda label: answer.student[label])
    first = likeliest if answer.label is None else answer.label
    label = st.selectbox(
        "Were it a training picture, labelled",
        list(rows.labels),
        format_func=names.__getitem__,
        index=rows.labels.index(first),
        key=f"try_label {run.run_id} {what}",
    )
    values = [("student's loss", f"{answer.ce_student[label]:.2f}")]
    if answer.ce_teacher is not None:
        values.append(("teacher's loss", f"{answer.ce_teacher[label]:.2f}"))
    axis = weight_axis_of(status.scale_of(run))
    if answer.weights:
        pairs = zip(_KINDS, answer.weights[label], strict=False)
        values += [(f"w_{kind}", axis.word(weight)) for kind, weight in pairs]
    with st.container(key="try_values", horizontal=True, gap="medium"):
        for name, text in values:
            st.metric(name, text, width="content")
    terms_text(sentence(answer, run, names[label], label), key="try_sentence")
    for note in answer.notes:
        st.caption(plain(note))


def sentence(answer: PictureAnswer, run: Snapshot, name: str, label: int) -> str:
    """Return what the weights of a label are, and where they come from.

    Args:
        answer: What the networks said.
        run: The run.
        name: The label's name.
        label: The label.
    """
    method = status.method_of(run)
    if not answer.weights:
        lacks_teacher = run.config.method.facts.needs_teacher and answer.ce_teacher is None
        why = "the teacher's loss is not known" if lacks_teacher else "the run kept no weight net"
        return f"There are no weights of {method} here, because {why}."
    kinds = _KINDS[: len(answer.weights[label])]
    both = " and ".join(f"w_{kind}" for kind in kinds)
    if answer.weights_from == "objective":
        are = "is" if len(kinds) == 1 else "are"
        is_constant = len(set(answer.weights)) == 1
        what = "the same for each picture and label" if is_constant else "a formula of both losses"
        return f"{method} learns no weights: {both} {are} {what}."
    if answer.weights_from == "before_learning":
        return f"The run ended before its weight net learned: {both} were these for each picture."
    own = weight_axis_of(status.scale_of(run)).own_weight
    multiples = f", in multiples of{own}" if own else ""
    if answer.weights_from == "weight_net":
        return f"Labelled {name}, it gets {both} from the weight net of the last epoch{multiples}."
    words = (
        f"Labelled {name}, it gets {both} as the surface of the last epoch has them{multiples}: "
        "this run is here without its weight net."
    )
    if answer.is_outside[label]:
        words += " A loss lies beyond the ends of that surface, which is taken to go on level."
    return words
