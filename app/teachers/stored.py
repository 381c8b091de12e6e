"""The stored teachers: all of them in a table, one of them with its card."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from app.components import live_plot
from app.components.terms_text import terms_lines
from app.figures import teacher_accuracy
from app.figures.teacher import accuracy_of_groups
from app.shared import access
from app.shared.control_widgets import key_showing, widget_value
from app.shared.controls import OF_ONE_RUN
from app.shared.engine import attempt
from app.shared.markdown import plain
from app.shared.session import session
from app.teachers.link import TeachersLink, show_teacher
from bikd_core.config import RunConfig
from bikd_core.data.counts import planned_counts, tail_words
from bikd_core.data.label_noise import in_words
from bikd_core.data.sources import facts_of
from bikd_core.evaluation import shot_groups
from bikd_core.teachers.card import TeacherCard, unpack_indices


def table(teachers: Mapping[str, TeacherCard]) -> None:
    """Draw a table with a row for each teacher."""
    columns = {
        "name": st.column_config.TextColumn("Teacher", pinned=True),
        "dataset": st.column_config.TextColumn("Data set"),
        "factor": st.column_config.NumberColumn("Factor", format="%g"),
        "model": st.column_config.TextColumn("Model"),
        "left_out": st.column_config.TextColumn(
            "Left out",
            help="The part of the training images that an out-of-fold teacher has not seen.",
        ),
        "balanced": st.column_config.NumberColumn("Balanced", format="%.1f %%"),
        "head_share": st.column_config.NumberColumn(
            "Predicts many",
            format="%.0f %%",
            help="How often it predicts one of the many-shot classes on balanced images: beyond "
            "their share of the classes, which is a third or a little less, it is biased.",
        ),
    } | {
        group: st.column_config.NumberColumn(group.capitalize(), format="%.1f %%")
        for group in ("many", "medium", "few")
    }
    st.dataframe(
        [_row(name, card) for name, card in teachers.items()],
        column_config=columns,
        hide_index=True,
        placeholder="–",
        key="teachers",
    )


def _row(name: str, card: TeacherCard) -> Mapping[str, object]:
    groups = accuracy_of_groups(card)
    return {
        "name": name,
        "dataset": facts_of(card.dataset).title,
        "factor": card.data.imbalance_factor if _has_factor(card) else None,
        "model": card.model,
        "left_out": card.left_out or None,
        "balanced": 100 * card.accuracy,
        "head_share": _share_of_the_head(card),
    } | {group: 100 * groups[group] if groups else None for group in ("many", "medium", "few")}


def _has_factor(card: TeacherCard) -> bool:
    return not card.is_uploaded and card.data.imbalance != "natural"


def _share_of_the_head(card: TeacherCard) -> float | None:
    """Return how often a teacher predicts a many-shot class, in percent; None if it is unknown."""
    share = card.predicted_share_per_class
    if share is None or card.is_uploaded:
        return None
    return 100 * sum(share[label] for label in shot_groups(planned_counts(card.data)).many)


def shown_teacher(teachers: Mapping[str, TeacherCard]) -> str:
    """Return the teacher that is shown; complain and take the first if it does not exist.

    Args:
        teachers: The stored teachers' cards by name; at least one.
    """
    name, first = session().link(TeachersLink).shown, next(iter(teachers))
    if name and name not in teachers:
        session().complain(f"shown = {name[:80]!r} is not a stored teacher. {first} is shown.")
        name = ""
    if name in ("", first):
        show_teacher("")
    return name or first


def show_card(name: str, teachers: Mapping[str, TeacherCard]) -> None:
    """Draw a teacher's card, its figure, and what can be done with it."""
    card, names = teachers[name], list(teachers)
    # Each list of teachers has a widget of its own: what a browser still holds of the list before
    # a teacher came or went is then no choice, and does not undo what the page shows.
    widget = f"shown_teacher {' '.join(names)}"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Teacher",
            names,
            index=names.index(name),
            key=key_showing(widget, name),
            on_change=_take,
            args=(widget,),
            width=420,
        )
        st.button(
            "Use it in the Lab",
            key="use",
            icon=":material/school:",
            on_click=_use,
            args=(name, card),
            help="Sets the Lab's data, teacher and teacher model to it.",
        )
        _delete_button(name)
    left, right = st.columns(2, gap="medium")
    with left:
        live_plot(teacher_accuracy(card), key="figure_teacher_accuracy", keep_zoom_of=name)
    with right, st.container(border=True, key="card"):
        terms_lines(card_lines(card), key="terms")


def _take(widget: str) -> None:
    session().forget_complaints()
    show_teacher(widget_value(widget))


def card_lines(card: TeacherCard) -> list[tuple[str, str]]:
    """Return a card's content as (name, words) lines of plain text."""
    facts, data = facts_of(card.dataset), card.data
    lines = [
        ("Architecture", card.model),
        ("Data set", f"{facts.title}, {card.num_classes} classes"),
        ("Balanced test accuracy", f"{100 * card.accuracy:.1f} %"),
    ]
    if card.seen is None or card.training is None:
        lines.append(("Saw", "unknown images; D_val and test images may be among them"))
        lines.append(("Measured on", f"{data.test_per_class} test images of each class"))
    else:
        training = card.training
        counts = planned_counts(data)
        lines += [
            (
                "Saw",
                f"{len(unpack_indices(card.seen)):,} images of the split with seed "
                f"{data.split_seed}, {max(counts):,} of the largest class and {min(counts):,} of "
                f"the smallest ({tail_words(data)})"
                f"{f', without {card.left_out} of them' if card.left_out else ''}; none of D_val "
                "and of the test set",
            ),
            *([("Label noise", in_words(data))] if data.label_noise else []),
            (
                "Trained",
                f"{training.epochs} epochs, batch {training.batch_size}, learning rate "
                f"{training.learning_rate:g}, seed {training.seed}",
            ),
            ("Fingerprint of its images", card.train_fingerprint or "unknown"),
        ]
    lines.append(("Made by", card.made_by))
    versions = ", ".join(f"{key} {value}" for key, value in card.versions.items())
    lines.append(("Versions", versions))
    return lines


def _use(name: str, card: TeacherCard) -> None:
    """Set the Lab's controls to this teacher, its data set and its split, and open the Lab."""
    session().forget_complaints()
    kept = {key: session().controls[key] for key in OF_ONE_RUN}
    data = {"dataset": card.dataset} if card.is_uploaded else card.data.model_dump(mode="json")
    config = RunConfig.from_flat(kept | data | {"teacher": name, "teacher_model": card.model})
    session().set_controls(config)
    session().show_run("")
    session().opens_lab = True


def _delete_button(name: str) -> None:
    refusal = access.teacher_refusal(name)
    with st.popover(
        "Delete", icon=":material/delete:", disabled=bool(refusal), help=plain(refusal) or None
    ):
        is_sure = st.checkbox(f"Delete {plain(name)} from the disk", key=f"sure teacher {name}")
        st.button(
            "Delete", key="delete_teacher", disabled=not is_sure, on_click=_delete, args=(name,)
        )


def _delete(name: str) -> None:
    session().forget_complaints()
    attempt(lambda: access.delete_teacher(name))
    if not session().complaints:
        show_teacher("")
