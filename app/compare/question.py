"""What is compared, chosen in the side bar: methods, seeds, reference, the epoch that counts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import streamlit as st

from app.compare.link import CompareLink
from app.shared.control_widgets import key_showing, widget_value
from app.shared.controls import (
    MAIN,
    OF_ONE_RUN,
    advanced_controls,
    all_but,
    data_controls,
    named_controls,
)
from app.shared.markdown import plain
from app.shared.session import session
from bikd_core.config import METHOD_FACTS, ConfigError, RunConfig
from bikd_core.studies import (
    ENTRY_NAMES,
    FAULTS,
    Comparison,
    read_entry,
    read_seeds,
    with_learned_weights,
    write_seeds,
)
from bikd_core.studies.learned_weights import USUAL_OBJECTIVES, check_pairs
from bikd_core.studies.learning_rates import with_learning_rates
from bikd_core.teachers.card import TeacherCard

#: Controls that belong to the question; they stand above the others.
FIRST = ("train_on_val",)
_QUESTIONS = {
    "methods": "Who wins?",
    "weights": "What do learned weights add?",
    "rates": "What does the learning rate decide?",
}
_OBJECTIVES = tuple(name for name, facts in METHOD_FACTS.items() if not facts.has_weight_net)
_COUNTS = {"last": "the last", "val": "lowest D_val loss"}
_CALIBRATIONS = {"none": "as trained", "class_biases": "with biases"}


def quick_comparison() -> Comparison:
    """Return the quick comparison: every control at its default."""
    chosen = CompareLink()
    return Comparison(RunConfig(), chosen.methods, read_seeds(chosen.seeds), chosen.reference)


def choose_quick_comparison() -> Comparison:
    """Choose the quick comparison, and return it."""
    session().set_link(CompareLink())
    session().set_controls(RunConfig())
    return quick_comparison()


def side_bar(teachers: Mapping[str, TeacherCard]) -> Comparison | None:
    """Draw all choices; return their comparison, or draw why there is none and return None.

    Args:
        teachers: The stored teachers' cards by name.
    """
    chosen = session().link(CompareLink)
    _question_widget(chosen)
    _methods_widget(chosen)
    _seeds_widget(chosen)
    _reference_widget(chosen)
    _counts_widget(chosen)
    _calibration_widget(chosen)
    _faults_widget(chosen)
    st.markdown("##### The same for all")
    methods = _configured(chosen)
    named_controls(FIRST, teachers, methods)
    base = data_controls()
    main = [name for name in MAIN[3:] if name not in OF_ONE_RUN]
    named_controls(main, teachers, methods)
    advanced_controls(all_but((*MAIN, *FIRST)), teachers, methods)
    return _comparison(base, chosen)


def _question_widget(chosen: CompareLink) -> None:
    st.selectbox(
        "Question",
        list(_QUESTIONS),
        index=list(_QUESTIONS).index(chosen.question),
        format_func=_QUESTIONS.__getitem__,
        key=key_showing("question", chosen.question),
        on_change=_take_question,
        help="The second one compares each objective with BiKD over it: relative weights, "
        "learned on D_val. The third one compares each method at several learning rates.",
    )


def _take_question() -> None:
    """Take over the question; that of the weights keeps the methods that have none."""
    _take("question")
    chosen = session().link(CompareLink)
    if chosen.question == "weights":
        plain = [text for text in chosen.methods if text.partition(":")[0] in _OBJECTIVES]
        _change(methods=tuple(plain or USUAL_OBJECTIVES))


def _methods_widget(chosen: CompareLink) -> None:
    is_of_weights = chosen.question == "weights"
    offered = _OBJECTIVES if is_of_weights else ENTRY_NAMES
    st.multiselect(
        "Objectives" if is_of_weights else "Methods",
        list(dict.fromkeys([*offered, *chosen.methods])),
        default=list(chosen.methods),
        format_func=title_of,
        key=key_showing("methods", list(chosen.methods)),
        on_change=_take,
        args=("methods",),
        placeholder="at least one",
        accept_new_options=True,
        help="Type a method with its own options, such as kd:kd_alpha=0.3."
        if is_of_weights
        else "Type a method with its own options as bikd:prior=both,meta_loss=mix.",
    )


def _seeds_widget(chosen: CompareLink) -> None:
    st.text_input(
        "Seeds",
        chosen.seeds,
        max_chars=200,
        key=key_showing("seeds", chosen.seeds),
        on_change=_take,
        args=("seeds",),
        help="Whole numbers, separated by commas, or a range as 0-9. Three are enough for a first "
        "look; narrow intervals need ten.",
    )


def _reference_widget(chosen: CompareLink) -> None:
    options, reference = list(chosen.methods), chosen.effective_reference
    st.selectbox(
        "Reference",
        options,
        index=options.index(reference) if reference in options else None,
        format_func=title_of,
        key=key_showing("reference", reference if options else None),
        on_change=_take,
        args=("reference",),
        help="The method that the others are compared with, seed by seed.",
    )


def _counts_widget(chosen: CompareLink) -> None:
    st.segmented_control(
        "Which epoch counts",
        list(_COUNTS),
        format_func=_COUNTS.__getitem__,
        default=chosen.counts,
        required=True,
        key=key_showing("counts", chosen.counts),
        on_change=_take,
        args=("counts",),
        help="The last one, or the one with the lowest D_val loss: the test set never chooses.",
        width="stretch",
    )


def _calibration_widget(chosen: CompareLink) -> None:
    st.segmented_control(
        "Which accuracy counts",
        list(_CALIBRATIONS),
        format_func=_CALIBRATIONS.__getitem__,
        default=chosen.calibration,
        required=True,
        key=key_showing("calibration", chosen.calibration),
        on_change=_take,
        args=("calibration",),
        help="Class biases: a number for each class and one temperature, fitted to D_val after "
        "training and added to the logits. Every run has them, so nothing is trained again. For "
        "one method alone type kd:calibration=class_biases.",
        width="stretch",
    )


def _faults_widget(chosen: CompareLink) -> None:
    st.multiselect(
        "Faults of the published comparison",
        list(FAULTS),
        default=list(chosen.faults),
        format_func=FAULTS.__getitem__,
        key=key_showing("faults", list(chosen.faults)),
        on_change=_take,
        args=("faults",),
        placeholder="none: a fair comparison",
        help="Choose one to see how much it changes.",
    )


def _take(name: str) -> None:
    """Take over a widget's value, which need not be possible: `side_bar` says what is wrong."""
    session().forget_complaints()
    value: Any = widget_value(name)
    if name in {"methods", "faults"}:
        value = tuple(value)
    _change(**{name: value})


def _change(**values: Any) -> None:
    session().set_link(session().link(CompareLink).model_copy(update=values))


def _entries(chosen: CompareLink) -> tuple[str, ...]:
    """Return the entries that the question compares.

    Raises:
        ConfigError: One of them is not possible.
    """
    if chosen.question == "methods":
        return chosen.methods
    if chosen.question == "rates":
        return with_learning_rates(chosen.methods, session().controls)
    return with_learned_weights(chosen.methods, session().controls)


def _configured(chosen: CompareLink) -> list[dict[str, Any]]:
    """Return all controls of each entry; an impossible one, which a sentence names, has none."""
    values, configured = session().controls, []
    with suppress(ConfigError):
        for text in _entries(chosen):
            entry = read_entry(text, values)
            configured.append(values | {"method": entry.method} | entry.own_controls)
    return configured


def title_of(entry: str) -> str:
    """Return a method's usual name, with the entry's own options and what the controls make of it.

    Text that names no method is returned unchanged: the complaint about it quotes it.
    """
    values = session().controls
    try:
        read = read_entry(entry, values)
    except ConfigError:
        return entry
    return read.label_in(values | {"method": read.method} | read.own_controls)


def _comparison(base: RunConfig | None, chosen: CompareLink) -> Comparison | None:
    if base is None:  # a sentence on the page says why
        return None
    if not chosen.methods:
        st.error("Choose at least one method.")
        return None
    try:
        seeds = read_seeds(chosen.seeds)
        comparison = Comparison(
            base,
            _entries(chosen),
            seeds,
            chosen.effective_reference,
            chosen.counts,
            chosen.faults,
            calibration=chosen.calibration,
        )
        if chosen.question == "weights":
            check_pairs(comparison, len(chosen.methods))
    except ConfigError as error:
        st.error(plain(str(error)))
        return None
    _change(seeds=write_seeds(seeds))
    return comparison
