"""The side bar: which controls stand where, on each page; `control_widgets` draws each of them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.components import live_plot
from app.components.live_slider import live_slider
from app.figures import class_counts
from app.figures.counts import COUNTS_HEIGHT
from app.figures.drawing import empty
from app.shared import state
from app.shared.control_widgets import shown, teacher_widget, widget
from app.shared.estimate import estimate
from bikd_core.config import (
    MAX_SEED,
    ConfigError,
    DataConfig,
    RunConfig,
    TrainingConfig,
    bounds,
    fields,
)
from bikd_core.config.presets import PRESETS
from bikd_core.data.counts import max_imbalance_factor, planned_counts
from bikd_core.data.possible import check_possible
from bikd_core.data.sources import facts_of
from bikd_core.teachers.card import TeacherCard

#: What stands above the fold, in this order; all other controls are under "Advanced".
MAIN = (
    "dataset imbalance imbalance_factor teacher student method inner_steps meta_loss temperature "
    "epochs seed"
).split()
#: What a comparison varies by itself.
OF_ONE_RUN = ("method", "seed")


def sidebar(teachers: Mapping[str, TeacherCard], *, is_idle: bool) -> RunConfig | None:
    """Draw all controls; returns the config they make, or None, with a sentence, if they do not.

    Args:
        teachers: The stored teachers' cards by name.
        is_idle: The opened run, if any, has ended: there is time to estimate the next one.
    """
    values = state.controls()
    methods = (values["method"],)
    _presets(values)
    config = _data(values)
    if config is not None:
        estimate(config, is_idle=is_idle)
    _others(values, teachers, methods, MAIN[3:-1])
    _seed(values)
    _advanced(values, teachers, methods, MAIN)
    return config


def common_controls(
    teachers: Mapping[str, TeacherCard], methods: Sequence[str], first: Sequence[str]
) -> RunConfig | None:
    """The same controls for several methods, without those of one run: its method and its seed.

    Args:
        teachers: As for `sidebar`.
        methods: A control that none of them reads is disabled.
        first: What stands above the others.
    """
    values = state.controls()
    _others(values, teachers, methods, first)
    config = _data(values)
    shown = [name for name in MAIN[3:] if name not in OF_ONE_RUN]
    _others(values, teachers, methods, shown)
    _advanced(values, teachers, methods, (*MAIN, *first))
    return config


def teacher_controls() -> RunConfig | None:
    """Those of a teacher's training: its data, its architecture, its optimiser."""
    values = state.controls()
    config = _data(values)
    _others(values, {}, (), ["teacher_model", "epochs"])
    _seed(values)
    with st.expander("Advanced"):
        own = [*DataConfig.model_fields, *TrainingConfig.model_fields]
        _others(values, {}, (), [name for name in own if name not in MAIN])
    return config


def _data(values: Mapping[str, Any]) -> RunConfig | None:
    """What is trained on, and whether all controls go together."""
    widget("dataset", values)
    widget("imbalance", values)
    st.fragment(_imbalance_factor, key="factor and counts")()
    return _valid(values)


def _others(
    values: Mapping[str, Any],
    teachers: Mapping[str, TeacherCard],
    methods: Sequence[str],
    names: Sequence[str],
) -> None:
    for name in names:
        if name == "teacher":
            teacher_widget(values, teachers, methods)
        else:
            widget(name, values, methods)


def _advanced(
    values: Mapping[str, Any],
    teachers: Mapping[str, TeacherCard],
    methods: Sequence[str],
    shown: Sequence[str],
) -> None:
    with st.expander("Advanced"):
        _others(values, teachers, methods, [name for name in fields() if name not in shown])


def _presets(values: Mapping[str, Any]) -> None:
    """What to begin from, and the way back to it."""
    made_from = st.session_state["preset"]
    preset = PRESETS[made_from]
    wanted = preset.config.flat()
    changed = [name for name in wanted if name != "seed" and wanted[name] != values[name]]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Preset",
            list(PRESETS),
            index=list(PRESETS).index(made_from),
            format_func=lambda name: PRESETS[name].title,
            key=shown("preset", made_from),
            on_change=_take_preset,
            help=preset.words,
        )
        st.button(
            "",
            key="reset",
            icon=":material/restart_alt:",
            disabled=not changed,
            on_click=_take_preset,
            help="Reset to the preset" + (f": changed {', '.join(changed)}" if changed else ""),
        )


def _take_preset() -> None:
    """All controls as the preset has them; the seed stays."""
    state.forget_complaints()
    config = PRESETS[st.session_state["control_preset"]].config
    state.take_controls_of(config.changed(seed=state.controls()["seed"]))


def _valid(values: Mapping[str, Any]) -> RunConfig | None:
    try:
        config = RunConfig.from_flat(values)
        check_possible(config)
    except ConfigError as error:
        st.error(str(error))
        return None
    return config


def _imbalance_factor() -> None:
    """The slider, which ends where the smallest class has one image left, and what it leads to.

    A fragment: while the slider is dragged, only this is drawn again.
    """
    values = state.controls()
    field, lowest = fields()["imbalance_factor"], bounds("imbalance_factor")["ge"]
    largest = _largest_factor(values, lowest)
    values["imbalance_factor"] = min(values["imbalance_factor"], largest)
    with st.container(gap=None):
        st.markdown(f":small[{field.title}]", help=field.description)
        is_settled = largest > lowest and live_slider(
            field.title or "",
            key="control_imbalance_factor",
            low=lowest,
            high=largest,
            value=values["imbalance_factor"],
            on_move=_take_factor,
        )
    if is_settled:
        st.rerun()
    try:
        config = RunConfig.from_flat(values).data
        drawing = class_counts(facts_of(config.dataset).class_names, planned_counts(config))
    except ConfigError as error:
        drawing = empty("", str(error), COUNTS_HEIGHT)
    live_plot(drawing, key="class_counts", keep_zoom_of="", is_small=True)


def _largest_factor(values: Mapping[str, Any], lowest: float) -> float:
    """A factor beyond the end must not keep the end from being known."""
    try:
        config = RunConfig.from_flat({**values, "imbalance_factor": lowest})
        return float(max_imbalance_factor(config.data))
    except ConfigError:  # said where the whole config is judged
        return bounds("imbalance_factor")["le"]


def _take_factor(value: float) -> None:
    state.forget_complaints()
    state.controls()["imbalance_factor"] = value


def _seed(values: Mapping[str, Any]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        widget("seed", values)
        st.button(
            "", key="dice", icon=":material/casino:", help="Another seed", on_click=_throw_dice
        )


def _throw_dice() -> None:
    state.forget_complaints()
    state.controls()["seed"] = random.randrange(min(MAX_SEED, 10_000))
