"""The side bar: every control of a run as a widget, all read off the config's fields.

The truth is `state.controls()`; a widget shows a control and changes it by a callback.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import streamlit as st

from app import state
from app.components import live_plot
from app.components.live_slider import live_slider
from app.estimate import estimate
from app.figures import class_counts
from app.figures.counts import COUNTS_HEIGHT
from app.figures.drawing import empty
from bikd_core.config import (
    MAX_SEED,
    METHOD_FACTS,
    MODELS_FOR,
    ConfigError,
    DataConfig,
    RunConfig,
    TrainingConfig,
    bounds,
    choices,
    fields,
)
from bikd_core.data.facts import DATASETS, facts_of, max_imbalance_factor, planned_counts
from bikd_core.difference import is_read_by
from bikd_core.presets import PRESETS
from bikd_core.teacher_card import TeacherCard

#: What stands above the fold, in this order; all other controls are under "Advanced".
MAIN = (
    "dataset imbalance imbalance_factor teacher student method inner_steps meta_loss temperature "
    "epochs seed"
).split()
#: What a comparison varies by itself.
OF_ONE_RUN = ("method", "seed")
LABELS: dict[str, dict[Any, str]] = {
    "dataset": {name: facts.title for name, facts in DATASETS.items()},
    "method": {name: f"{facts.title} – {facts.words}" for name, facts in METHOD_FACTS.items()},
}


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
    _widget("dataset", values)
    _widget("imbalance", values)
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
            _teacher(values, teachers, methods)
        else:
            _widget(name, values, methods)


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
        planned_counts(config.data)
    except ConfigError as error:
        st.error(str(error))
        return None
    return config


def _widget(name: str, values: Mapping[str, Any], methods: Sequence[str] = ()) -> None:
    """The widget that fits a control's type."""
    common = _common(name, methods)
    if name in {"student", "teacher_model"}:
        _choice(name, MODELS_FOR[values["dataset"]], values, common, is_short=False)
    elif choices(name):
        _choice(name, choices(name), values, common)
    elif fields()[name].annotation is bool:
        key = shown(name, values[name])
        st.toggle(value=values[name], key=key, on_change=_take, args=(name,), **common)
    else:
        _number(name, values, common)


def _common(name: str, methods: Sequence[str]) -> dict[str, Any]:
    field = fields()[name]
    return {
        "label": field.title,
        "help": field.description,
        "disabled": bool(methods) and not any(is_read_by(name, method) for method in methods),
    }


def _choice(
    name: str,
    options: Sequence[Any],
    values: Mapping[str, Any],
    common: dict[str, Any],
    *,
    is_short: bool = True,
) -> None:
    """A row of buttons for a few short options, else a list."""
    labels = LABELS.get(name, {})
    is_short = is_short and len(options) <= 3 and not labels
    common |= {
        "options": options,
        "format_func": lambda option: labels.get(option, str(option)),
        "key": shown(name, values[name]),
        "on_change": _take,
        "args": (name,),
    }
    if is_short:
        st.segmented_control(**common, default=values[name], required=True, width="stretch")
    else:
        st.selectbox(**common, index=_index(options, values[name]))


def _teacher(
    values: Mapping[str, Any], teachers: Mapping[str, TeacherCard], methods: Sequence[str]
) -> None:
    """A stored teacher of this data set, or a text of one's own: the path of a file."""
    fitting = {
        name: card for name, card in teachers.items() if card.data.dataset == values["dataset"]
    }
    labels = {"auto": "auto – one that fits, else train it"} | {
        name: f"{name} ({100 * card.accuracy:.1f} %)" for name, card in fitting.items()
    }
    options = list(dict.fromkeys([*labels, values["teacher"]]))
    st.selectbox(
        options=options,
        index=options.index(values["teacher"]),
        format_func=lambda name: labels.get(name, name),
        accept_new_options=True,
        key=shown("teacher", values["teacher"]),
        on_change=_take_teacher,
        args=(fitting,),
        **_common("teacher", methods),
    )


def _take_teacher(teachers: Mapping[str, TeacherCard]) -> None:
    """A stored teacher's card knows its architecture."""
    _take("teacher")
    values = state.controls()
    values["teacher"] = values["teacher"] or "auto"  # the box can be emptied
    if card := teachers.get(values["teacher"]):
        values["teacher_model"] = card.model


def _number(name: str, values: Mapping[str, Any], common: dict[str, Any]) -> None:
    limits, kinds = bounds(name), get_args(fields()[name].annotation)
    is_optional = type(None) in kinds
    is_whole = int in kinds or fields()[name].annotation is int
    number = int if is_whole else float
    low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    value = None if values[name] is None else number(values[name])
    common |= {
        "min_value": None if low is None else number(low),
        "max_value": None if high is None else number(high),
        "value": value,
        "step": 1 if is_whole else _step_of(values[name]),
        "format": "%d" if is_whole else "%.6g",
        "placeholder": "all there are" if is_optional else None,
        "key": shown(name, value),
        "on_change": _take,
        "args": (name,),
    }
    st.number_input(**common)


def _step_of(value: float) -> float:
    """A tenth of the value's order of magnitude from 1 on, else that of its first digit."""
    return float(10.0 ** math.floor(math.log10(value))) if 0 < value < 1 else 0.5


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
        _widget("seed", values)
        st.button(
            "", key="dice", icon=":material/casino:", help="Another seed", on_click=_throw_dice
        )


def _throw_dice() -> None:
    state.forget_complaints()
    state.controls()["seed"] = random.randrange(min(MAX_SEED, 10_000))


def _index(options: Sequence[Any], value: Any) -> int | None:
    """Where a value is; None for a junk one, which the sentence about it names."""
    return options.index(value) if value in options else None


def shown(name: str, value: Any) -> str:
    """The key of a control's widget, which is made to show `value` if it does not.

    The widget's default must be `value` too: a browser that gets two script runs' elements at
    once takes the default of the second, and would send it back as if the user had chosen it.
    """
    key = f"control_{name}"
    if key in st.session_state and st.session_state[key] != value:
        st.session_state[key] = value
    return key


def _take(name: str) -> None:
    """A widget was changed. Another data set brings its own defaults; method and seed stay."""
    state.forget_complaints()
    values = state.controls()
    values[name] = st.session_state[f"control_{name}"]
    if name == "dataset":
        kept = {kept: values[kept] for kept in ("dataset", "method", "seed")}
        state.take_controls_of(RunConfig.from_flat(kept))
