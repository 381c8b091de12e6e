"""Groups of controls in a page's side bar; `control_widgets` draws each of them."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import streamlit as st

from app.components import live_plot
from app.components.live_slider import live_slider
from app.figures import class_counts
from app.figures.counts import COUNTS_HEIGHT
from app.figures.drawing import Drawing, empty
from app.shared import engine
from app.shared.control_widgets import Methods, teacher_widget, widget
from app.shared.glossary import help_text
from app.shared.markdown import plain
from app.shared.session import session
from bikd_core.config import MAX_SEED, ConfigError, DataConfig, RunConfig, bounds, fields
from bikd_core.data.counts import max_imbalance_factor, planned_counts
from bikd_core.data.label_noise import planned_labels
from bikd_core.data.pictures import missing_mb
from bikd_core.data.possible import check_possible
from bikd_core.data.sources import facts_of
from bikd_core.teachers.card import TeacherCard
from bikd_core.teachers.imitation import imitations

DATA = ("dataset", "imbalance", "imbalance_factor")
#: The controls above the fold, in this order; all others are under "Advanced".
MAIN = (
    *DATA,
    *("teacher", "student", "method", "inner_steps", "meta_loss", "temperature", "epochs", "seed"),
)
#: What differs between the runs of one comparison.
OF_ONE_RUN = ("method", "seed")


def chosen_config() -> tuple[RunConfig | None, str]:
    """Return the config of all controls and "", or None and why it is not possible."""
    values = session().controls
    _fit_factor(values)
    try:
        config = RunConfig.from_flat(values)
        check_possible(config)
    except ConfigError as error:
        return None, str(error)
    return config, ""


def data_controls() -> RunConfig | None:
    """Draw the data controls; return the config of all, or draw why there is none."""
    values = session().controls
    widget("dataset", values)
    _say_if_missing(values["dataset"])
    widget("imbalance", values)
    st.fragment(_imbalance_factor, key="factor and counts")()
    config, refusal = chosen_config()
    if refusal:
        st.error(plain(refusal))
    return config


def _say_if_missing(dataset: str) -> None:
    """Draw that a data set is not on this machine, and how large it is."""
    megabytes = missing_mb(dataset, engine.manager().places.data)
    if megabytes:
        st.caption(
            f":material/download: {plain(facts_of(dataset).title)} is not on this machine: "
            f"Start downloads {megabytes:.0f} MB first."
        )


def named_controls(
    names: Sequence[str],
    teachers: Mapping[str, TeacherCard] | None = None,
    methods: Methods = (),
) -> None:
    """Draw some controls.

    Args:
        names: Their flat names.
        teachers: The stored teachers' cards by name; needed for the control `teacher`.
        methods: If none of them reads a control, it is disabled; (): none is.
    """
    values = session().controls
    for name in names:
        if name == "teacher":
            teacher_widget(values, teachers or {}, methods)
        else:
            widget(name, values, methods)
        if name == "meta_loss":
            for sentence in _imitations(methods or (values,), teachers or {}):
                st.caption(f":material/info: {plain(sentence)}")


def _imitations(methods: Methods, teachers: Mapping[str, TeacherCard]) -> tuple[str, ...]:
    """Return what the soft losses of the possible ones among these methods ask on D_val."""
    configs = []
    for controls in methods:
        with suppress(ConfigError):  # the page says what is not possible
            configs.append(RunConfig.from_flat(controls))
    return imitations(configs, teachers)


def advanced_controls(
    names: Sequence[str],
    teachers: Mapping[str, TeacherCard] | None = None,
    methods: Methods = (),
) -> None:
    """Draw controls that are folded away at first; arguments as for `named_controls`.

    While they are folded away they are not made at all: they are most of a page's widgets.
    """
    with st.expander("Advanced", key="advanced", on_change="rerun") as advanced:
        if advanced.open:
            named_controls(names, teachers, methods)


def all_but(shown: Collection[str]) -> list[str]:
    """Return the flat names of all controls except those shown."""
    return [name for name in fields() if name not in shown]


def seed_control() -> None:
    """Draw the seed, and the dice that change it."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        widget("seed", session().controls)
        st.button(
            "Another seed",  # for screen readers: the style shows the icon alone
            key="dice",
            icon=":material/casino:",
            help="Another seed",
            on_click=_throw_dice,
        )


def _throw_dice() -> None:
    session().forget_complaints()
    session().controls["seed"] = random.randrange(min(MAX_SEED, 10_000))


# The imbalance factor --------------------------------------------------------------------------


def _imbalance_factor() -> None:
    """Draw the slider, which ends where the smallest class has one image left, and the counts.

    Natural counts have no slider.

    A fragment: while the slider is dragged, only this is drawn again.
    """
    values = session().controls
    if values["imbalance"] != "natural" and _factor_slider(values):
        st.rerun()
    try:
        config = RunConfig.from_flat(values).data
        drawing = _counts(config)
    except ConfigError as error:
        drawing = empty("", str(error), COUNTS_HEIGHT)
    live_plot(drawing, key="class_counts", keep_zoom_of="", is_small=True)


def _factor_slider(values: dict[str, Any]) -> bool:
    """Draw the slider alone; return whether it was let go at another factor."""
    field = fields()["imbalance_factor"]
    lowest, largest = _fit_factor(values)
    with st.container(gap=None):
        about = help_text(field.title or "", field.description or "")
        st.markdown(f":small[{field.title}]", help=about)
        return largest > lowest and live_slider(
            field.title or "",
            key="control_imbalance_factor",
            low=lowest,
            high=largest,
            value=values["imbalance_factor"],
            on_move=_set_factor,
        )


def _counts(config: DataConfig) -> Drawing:
    names, counts = facts_of(config.dataset).class_names, planned_counts(config)
    if not config.label_noise:
        return class_counts(names, counts)
    labels = planned_labels(config)
    return class_counts(names, counts, labels.counts, labels.wrong_counts)


def _fit_factor(values: dict[str, Any]) -> tuple[float, float]:
    """Return the ends of the slider, after bringing the factor between them."""
    lowest = bounds("imbalance_factor")["ge"]
    largest = _largest_factor(values, lowest)
    if values["imbalance"] != "natural":
        values["imbalance_factor"] = min(values["imbalance_factor"], largest)
    return lowest, largest


def _largest_factor(values: Mapping[str, Any], lowest: float) -> float:
    """Return the end of the slider, whatever the factor now is."""
    try:
        config = RunConfig.from_flat({**values, "imbalance_factor": lowest})
        return float(max_imbalance_factor(config.data))
    except ConfigError:  # `chosen_config` says what is wrong
        return bounds("imbalance_factor")["le"]


def _set_factor(value: float) -> None:
    session().forget_complaints()
    session().controls["imbalance_factor"] = value
