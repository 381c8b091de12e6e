"""The stored teachers: all of them in a table, one of them with its card."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from app.components import live_plot
from app.figures import teacher_accuracy
from app.figures.teacher import accuracy_of_groups
from app.shared import access, control_widgets, controls, state
from app.shared.state import attempt
from bikd_core.config import RunConfig
from bikd_core.data.counts import planned_counts
from bikd_core.data.sources import facts_of
from bikd_core.teachers.card import TeacherCard, unpack_indices


def table(teachers: Mapping[str, TeacherCard]) -> None:
    """A row for each."""
    columns = {
        "name": st.column_config.TextColumn("Teacher", pinned=True),
        "dataset": st.column_config.TextColumn("Data set"),
        "factor": st.column_config.NumberColumn("Factor", format="%g"),
        "model": st.column_config.TextColumn("Model"),
        "balanced": st.column_config.NumberColumn("Balanced", format="%.1f %%"),
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
        "factor": None if card.is_uploaded else card.data.imbalance_factor,
        "model": card.model,
        "balanced": 100 * card.accuracy,
    } | {group: 100 * groups[group] if groups else None for group in ("many", "medium", "few")}


def choose(teachers: Mapping[str, TeacherCard]) -> str:
    """The teacher that is looked at: the link's, or the first; a sentence if there is no such."""
    asked = st.session_state["shown_teacher"]
    if asked and asked not in teachers:
        state.complain(
            f"shown = {asked[:80]!r} is no stored teacher. {next(iter(teachers), 'None')} is shown."
        )
        asked = ""
    st.session_state["shown_teacher"] = asked = asked or next(iter(teachers), "")
    return str(asked)


def one(name: str, teachers: Mapping[str, TeacherCard]) -> None:
    """A teacher's card, its figure, and what can be done with it."""
    card, names = teachers[name], list(teachers)
    # Of each list of teachers another widget: what a browser still holds of the list before one
    # came or went is then no choice, and does not undo what the page shows.
    key = control_widgets.shown(f"shown_teacher {' '.join(names)}", name)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Teacher",
            names,
            index=names.index(name),
            key=key,
            on_change=_take,
            args=(key,),
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
        st.markdown("  \n".join(f"**{key}:** {words}" for key, words in card_lines(card)))


def _take(key: str) -> None:
    state.forget_complaints()
    st.session_state["shown_teacher"] = st.session_state[key]


def card_lines(card: TeacherCard) -> list[tuple[str, str]]:
    """What a card says, in words."""
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
                f"the smallest ({data.imbalance}, factor {data.imbalance_factor:g}); none of D_val "
                "and of the test set",
            ),
            (
                "Trained",
                f"{training.epochs} epochs, batch {training.batch_size}, learning rate "
                f"{training.learning_rate:g}, seed {training.seed}",
            ),
            ("Fingerprint of its images", f"`{card.train_fingerprint}`"),
        ]
    lines.append(("Made by", f"`{card.made_by.replace('`', '')}`"))
    lines.append(("Versions", ", ".join(f"{key} {value}" for key, value in card.versions.items())))
    return lines


def _use(name: str, card: TeacherCard) -> None:
    """The Lab's controls for this teacher: its data set and split, and it itself."""
    state.forget_complaints()
    kept = {key: state.controls()[key] for key in controls.OF_ONE_RUN}
    data = {"dataset": card.dataset} if card.is_uploaded else card.data.model_dump(mode="json")
    config = RunConfig.from_flat(kept | data | {"teacher": name, "teacher_model": card.model})
    state.take_controls_of(config)
    state.show_run("")
    st.session_state["to_lab"] = True


def _delete_button(name: str) -> None:
    refusal = access.teacher_refusal(name)
    with st.popover(
        "Delete", icon=":material/delete:", disabled=bool(refusal), help=refusal or None
    ):
        is_sure = st.checkbox(f"Delete {name} from the disk", key=f"sure teacher {name}")
        st.button(
            "Delete", key="delete_teacher", disabled=not is_sure, on_click=_delete, args=(name,)
        )


def _delete(name: str) -> None:
    state.forget_complaints()
    attempt(lambda: access.delete_teacher(name))
    if not st.session_state["complaints"]:
        st.session_state["shown_teacher"] = ""
