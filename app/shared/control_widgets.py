"""One control as one widget, made from the config's field: its type, range, help and label.

The session holds the controls; a widget shows one of them and changes it by a callback.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import streamlit as st

from app.shared import engine
from app.shared.glossary import help_text
from app.shared.session import session
from bikd_core.config import (
    FORM,
    METHOD_FACTS,
    SOURCE_FACTS,
    ConfigError,
    RunConfig,
    bounds,
    choices,
    fields,
    is_own_network,
    is_read_by,
    with_change,
)
from bikd_core.data.own.cache import own_datasets
from bikd_core.data.possible import models_for
from bikd_core.teachers.card import TeacherCard

LABELS: dict[str, dict[Any, str]] = {
    "method": {name: f"{facts.title} – {facts.words}" for name, facts in METHOD_FACTS.items()},
}


def dataset_titles() -> dict[str, str]:
    """Return the titles of the published data sets and of own pictures on this server, by name."""
    own = own_datasets(engine.manager().places.data)
    titles = {name: facts.title for name, facts in (SOURCE_FACTS | own).items()}
    # Two states of one folder have one title.
    twice = {title for title in titles.values() if list(titles.values()).count(title) > 1}
    return {
        name: f"{title} ({name[-12:-8]})" if title in twice and name in own else title
        for name, title in titles.items()
    }


Methods = Sequence[Mapping[str, Any]]  # as configured: all controls of each


def widget(name: str, values: Mapping[str, Any], methods: Methods = ()) -> None:
    """Draw the widget that fits a control's type.

    Args:
        name: The control's flat name.
        values: All controls by their flat names.
        methods: If none of them reads the control, its widget is disabled; (): it never is.
    """
    common = _common(name, methods)
    if name in {"student", "teacher_model"}:
        own = (values[name],) if is_own_network(values[name]) else ()  # a link or a run names it
        options = (*models_for(values["dataset"]), *own)
        _choice(name, options, values, common, is_short=False)
    elif name == "dataset":
        titles = dataset_titles()
        _choice(name, list(titles), values, common, labels=titles)
    elif choices(name):
        _choice(name, choices(name), values, common)
    elif fields()[name].annotation is bool:
        key = key_showing(name, values[name])
        st.toggle(value=values[name], key=key, on_change=_take, args=(name,), **common)
    else:
        _number(name, values, common)


def _common(name: str, methods: Methods) -> dict[str, Any]:
    field = fields()[name]
    return {
        "label": field.title,
        "help": help_text(field.title or "", field.description or ""),
        "disabled": bool(methods) and not any(is_read_by(name, method) for method in methods),
    }


def _choice(
    name: str,
    options: Sequence[Any],
    values: Mapping[str, Any],
    common: dict[str, Any],
    *,
    is_short: bool = True,
    labels: Mapping[Any, str] | None = None,
) -> None:
    """Draw a row of buttons for a few short options, else a list."""
    labels = LABELS.get(name, {}) if labels is None else labels
    is_short = is_short and len(options) <= 3 and not labels
    common |= {
        "options": options,
        "format_func": lambda option: labels.get(option, str(option)),
        "key": key_showing(name, values[name]),
        "on_change": _take,
        "args": (name,),
    }
    if is_short:
        st.segmented_control(**common, default=values[name], required=True, width="stretch")
    else:
        st.selectbox(**common, index=_index(options, values[name]))


def teacher_widget(
    values: Mapping[str, Any], teachers: Mapping[str, TeacherCard], methods: Methods
) -> None:
    """Draw the choice of a stored teacher of this data set, or of a file by its path.

    Teachers that have not seen a fold are not offered: runs find them by themselves.

    Args:
        values: As for `widget`.
        teachers: The stored teachers' cards by name.
        methods: As for `widget`.
    """
    fitting = {
        name: card
        for name, card in teachers.items()
        if card.data.dataset == values["dataset"] and card.without_fold is None
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
        key=key_showing("teacher", values["teacher"]),
        on_change=_take_teacher,
        args=(fitting,),
        **_common("teacher", methods),
    )


def _take_teacher(teachers: Mapping[str, TeacherCard]) -> None:
    """Take over the teacher, and its architecture from its card if it is a stored one."""
    _take("teacher")
    values = session().controls
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
        "key": key_showing(name, value),
        "on_change": _take,
        "args": (name,),
    }
    st.number_input(**common)


def _step_of(value: float) -> float:
    """Return a step of one in the value's first digit; 0.5 from 1 on."""
    return float(10.0 ** math.floor(math.log10(value))) if 0 < value < 1 else 0.5


def _index(options: Sequence[Any], value: Any) -> int | None:
    """Return a value's position; None for an impossible one, which a complaint names."""
    return options.index(value) if value in options else None


def key_showing(name: str, value: Any) -> str:
    """Return the key of a control's widget, and make the widget show `value` if it does not.

    The widget's default must be `value` too: a browser that gets two script runs' elements at
    once takes the default of the second, and would send it back as if the user had chosen it.
    """
    key = f"control_{name}"
    if key in st.session_state and st.session_state[key] != value:
        st.session_state[key] = value
    return key


def widget_value(name: str) -> Any:
    """Return what the user has set the widget of `key_showing` to."""
    return st.session_state[f"control_{name}"]


def _take(name: str) -> None:
    """Take over a widget's value. Another data set brings its defaults; method and seed stay.

    Another form of the method brings the defaults of that form; an impossible one is refused here,
    so that the session always holds a possible form.
    """
    session().forget_complaints()
    value = widget_value(name)
    if name == "dataset":
        take_dataset(value)
        return
    try:
        session().controls = with_change(session().controls, {name: value})
    except ConfigError as error:
        session().complain(str(error))


def take_dataset(dataset: str) -> None:
    """Choose a data set with its defaults; method and seed stay."""
    kept = {kept: session().controls[kept] for kept in (*FORM, "seed")}
    session().set_controls(RunConfig.from_flat({**kept, "dataset": dataset}))
