"""What is compared: methods, seeds, the reference, the epoch that counts. In the link by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple, get_args

import streamlit as st

from app.shared import control_widgets, controls, state, url
from bikd_core.config import METHOD_FACTS, ConfigError, RunConfig, fields
from bikd_core.studies import (
    FAULTS,
    Comparison,
    label_of,
    read_entry,
    read_faults,
    read_seeds,
    split_entries,
    write_seeds,
)
from bikd_core.studies.comparison import ChosenEpoch
from bikd_core.teachers.card import TeacherCard

#: Controls that belong to the question; above the others.
FIRST = ("train_on_val",)
_COUNTS = {"last": "the last", "val": "lowest D_val loss"}


class Asked(NamedTuple):
    """What is chosen, as the link holds it; it need not be possible."""

    methods: tuple[str, ...] = ("ce", "kd", "balanced_softmax", "bikd")
    seeds: str = "0-2"
    reference: str = "kd"
    counts: str = "last"
    faults: tuple[str, ...] = ()

    @property
    def effective_reference(self) -> str:
        """The reference, or another one where that is not compared any more."""
        if self.reference in self.methods or not self.methods:
            return self.reference
        return "kd" if "kd" in self.methods else self.methods[0]


def take_link(parameters: Mapping[str, str]) -> None:
    """Take what a link says; what cannot be is replaced by the default, and a sentence says so."""
    asked = Asked()
    if "methods" in parameters:
        asked = asked._replace(methods=_methods(parameters["methods"]) or asked.methods)
    if "seeds" in parameters and _can_be_read(parameters["seeds"]):
        asked = asked._replace(seeds=parameters["seeds"])
    if "reference" in parameters:
        asked = asked._replace(reference=parameters["reference"])
        if asked.effective_reference != asked.reference:
            state.complain(
                f"reference = {asked.reference[:40]!r} is not possible: it must be one of the "
                f"methods compared. {asked.effective_reference} is used."
            )
    if "counts" in parameters:
        if parameters["counts"] in _COUNTS:
            asked = asked._replace(counts=parameters["counts"])
        else:
            state.complain(
                f"counts = {parameters['counts'][:40]!r} is not possible: it must be one of "
                f"{', '.join(_COUNTS)}. last is used."
            )
    if "faults" in parameters:
        faults = state.attempt(partial(read_faults, "fair", parameters["faults"]))
        asked = asked._replace(faults=faults or ())
    st.session_state["asked"] = asked


def _can_be_read(seeds: str) -> bool:
    """Whether they can; if not, that is said."""
    return state.attempt(partial(read_seeds, seeds)) is not None


def _methods(text: str) -> tuple[str, ...]:
    """The methods of a link that there are, each once; the others are named."""
    found: list[str] = []
    for name in filter(None, split_entries(text)):
        try:
            read_entry(name)
        except ConfigError as error:
            state.complain(f"{error} It is left out.")
        else:
            found += [] if name in found else [name]
    return tuple(found)


def asked() -> Asked:
    """What is chosen now."""
    held: Asked = st.session_state.setdefault("asked", Asked())
    return held


def quick() -> Comparison:
    """The quick comparison: every control at its default."""
    asked = Asked()
    return Comparison(RunConfig(), asked.methods, read_seeds(asked.seeds), asked.reference)


def choose_quick() -> Comparison:
    """Choose the quick comparison; returns it."""
    st.session_state["asked"] = Asked()
    state.take_controls_of(RunConfig())
    return quick()


def for_link() -> dict[str, str]:
    """The parameters that `take_link` and `url.read_controls` need."""
    values, now = state.controls(), asked()
    parameters = url.write_controls(values)
    for name in controls.OF_ONE_RUN:
        parameters.pop(name, None)
    parameters |= {"methods": ",".join(now.methods), "seeds": now.seeds}
    if now.effective_reference != Asked().reference:
        parameters["reference"] = now.effective_reference
    if now.counts != Asked().counts:
        parameters["counts"] = now.counts
    if now.faults:
        parameters["faults"] = ",".join(now.faults)
    return parameters


def sidebar(teachers: Mapping[str, TeacherCard]) -> Comparison | None:
    """Draw all choices; returns the comparison they make, or None, with a sentence."""
    now = asked()
    _methods_widget(now)
    _seeds_widget(now)
    _reference_widget(now)
    st.segmented_control(
        "Which epoch counts",
        list(_COUNTS),
        format_func=_COUNTS.__getitem__,
        default=now.counts,
        required=True,
        key=control_widgets.shown("counts", now.counts),
        on_change=_take,
        args=("counts",),
        help="The last one, or that of the lowest loss on D_val: the test set never chooses.",
        width="stretch",
    )
    st.multiselect(
        "Faults of the published comparison",
        list(FAULTS),
        default=list(now.faults),
        format_func=FAULTS.__getitem__,
        key=control_widgets.shown("faults", list(now.faults)),
        on_change=_take,
        args=("faults",),
        placeholder="none: it is fair",
        help="What each of them is worth can be seen by choosing it.",
    )
    st.markdown("##### The same for all")
    names = [name for name in map(_method_of, now.methods) if name in METHOD_FACTS]
    first = [name for name in FIRST if name in fields()]
    base = controls.common_controls(teachers, names, first)
    return _comparison(base, now)


def _methods_widget(now: Asked) -> None:
    options = list(dict.fromkeys([*METHOD_FACTS, *now.methods]))
    st.multiselect(
        "Methods",
        options,
        default=list(now.methods),
        format_func=title_of,
        key=control_widgets.shown("methods", list(now.methods)),
        on_change=_take,
        args=("methods",),
        placeholder="at least one",
        accept_new_options=True,
        help="One with options of its own is typed as bikd:prior=both,meta_loss=mix.",
    )


def _seeds_widget(now: Asked) -> None:
    st.text_input(
        "Seeds",
        now.seeds,
        max_chars=200,
        key=control_widgets.shown("seeds", now.seeds),
        on_change=_take,
        args=("seeds",),
        help="Whole numbers, separated by commas, or a range as 0-9. Three are enough for a first "
        "look; narrow intervals want ten.",
    )


def _reference_widget(now: Asked) -> None:
    options, reference = list(now.methods), now.effective_reference
    st.selectbox(
        "Reference",
        options,
        index=options.index(reference) if reference in options else None,
        format_func=title_of,
        key=control_widgets.shown("reference", reference if options else None),
        on_change=_take,
        args=("reference",),
        help="The method that the others' leads are over, seed by seed.",
    )


def _take(name: str) -> None:
    state.forget_complaints()
    value: Any = st.session_state[f"control_{name}"]
    if name in {"methods", "faults"}:
        value = tuple(value)
    st.session_state["asked"] = asked()._replace(**{name: value})


def _method_of(entry: str) -> str:
    return entry.partition(":")[0]


def title_of(method: str) -> str:
    """A method's usual name, with the options that an entry has of its own.

    What was typed and is none stays as it is: the sentence about it names it.
    """
    try:
        return label_of(method)
    except ConfigError:
        return method


def _comparison(base: RunConfig | None, now: Asked) -> Comparison | None:
    if base is None:  # a sentence has been said
        return None
    if not now.methods:
        st.error("Choose at least one method.")
        return None
    counts: Any = now.counts
    assert counts in get_args(ChosenEpoch)
    try:
        seeds = read_seeds(now.seeds)
        comparison = Comparison(
            base, now.methods, seeds, now.effective_reference, counts, now.faults
        )
    except ConfigError as error:
        st.error(str(error))
        return None
    canonical = write_seeds(seeds)
    if canonical != now.seeds:
        st.session_state["asked"] = now._replace(seeds=canonical)
    return comparison
