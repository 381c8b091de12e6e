"""The walk through recorded steps: phases, Back and Next, a choice of steps, buttons for more.

Streamlit's own widgets would have to live in the polled part of the page, where the list of steps
grows, and would lose what the user does to them meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import streamlit as st

from app.components.report import ignore, reported, whole_number
from app.components.source import text_of

_mount = st.components.v2.component(
    "bikd_stepper",
    css=text_of("stepper.css"),
    js=text_of("stepper.js"),
    isolate_styles=False,
)


class Place(NamedTuple):
    """The place where the viewer stands."""

    phase: int  # from 0
    step: int | None  # None: the one nearest to the epoch looked at


def stepper(
    *,
    key: str,
    phases: Sequence[str],
    steps: Mapping[int, int],
    nearest: int,
    epoch: int,
    why_not: str,
    start: Place,
    on_ask: Callable[[Literal["inner", "outer"]], None],
) -> Place:
    """Draw the bar; return where it stands.

    Args:
        key: The element's key, one for each run.
        phases: Their names, in order.
        steps: The epoch of each recorded step, by step, rising.
        nearest: The step nearest to the epoch looked at; 0: none is recorded.
        epoch: The epoch looked at; 0: the newest. When it changes, a step that was chosen from the
            list is left for the nearest one.
        why_not: Why the run cannot be asked for another step; "" if it can.
        start: Where to begin until somebody moves; a phase or step that does not exist is ignored.
        on_ask: Called when somebody asks for one, before the script runs again.
    """
    place = _existing(place_of(key, start), len(phases), steps)
    result = _mount(
        key=key,
        data={
            "phases": list(phases),
            "steps": [list(pair) for pair in steps.items()],
            "nearest": nearest,
            "epoch": epoch,
            "why_not": why_not,
            "phase": place.phase,
            "step": place.step,
        },
        default={"place": start._asdict()},
        on_place_change=ignore,
        on_ask_change=lambda: _ask(reported(key, "ask"), on_ask),
    )
    return _existing(_place(result.place), len(phases), steps)


def place_of(key: str, start: Place) -> Place:
    """Return where a bar stands, before it is drawn."""
    return start if st.session_state.get(key) is None else _place(reported(key, "place"))


def _place(value: object) -> Place:
    """Return a browser's value, which may be anything, as a place."""
    given: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    return Place(whole_number(given.get("phase")) or 0, whole_number(given.get("step")))


def _existing(place: Place, num_phases: int, steps: Mapping[int, int]) -> Place:
    is_phase = 0 <= place.phase < num_phases
    return Place(place.phase if is_phase else 0, place.step if place.step in steps else None)


def _ask(level: object, on_ask: Callable[[Literal["inner", "outer"]], None]) -> None:
    match level:
        case "inner" | "outer" as known:
            on_ask(known)
