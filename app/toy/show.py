"""A toy on a page: its state for one visitor, and the part of the page that is polled."""

from __future__ import annotations

import atexit
import secrets
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import streamlit as st

from app.components.terms_text import glossary_of
from app.components.toy import toy_plane
from app.server.start import at_end
from app.shared.audience import Audience, Tier
from app.shared.session import session
from app.toy import words
from bikd_core.toy.pipe import Frame, Phase, opening_frame
from bikd_core.toy.plane import MAX_FACTOR, Method, Plane
from bikd_core.toy.server import ToyServer

# An edit is answered at once, whatever these say.
_TIERS = (Tier(3, 0.35), Tier(8, 0.7), Tier(float("inf"), 1.2))
_WAIT_S = 0.4  # for the answer to an edit
_MOVING = ("starting", "teacher", "student")
Control = Literal["method", "imbalance", "ground", "size", "buttons", "points"]
ALL_CONTROLS: tuple[Control, ...] = (
    *("method", "ground", "size", "imbalance"),
    *("points", "buttons"),
)


class Preset(NamedTuple):
    """How a toy begins, and which of its controls are shown."""

    method: Method = "bikd"
    factor: float = 20.0
    ground: Literal["student", "teacher"] = "student"
    size: Literal["hard", "soft"] = "hard"
    is_paused: bool = False
    controls: tuple[Control, ...] = ALL_CONTROLS


@dataclass
class _State:
    """One visitor's toy."""

    preset: Preset
    plane: Plane
    toy_id: str = field(default_factory=lambda: secrets.token_hex(8))
    is_hidden: bool = False
    phase: Phase = "starting"  # in the frame that was drawn last

    @property
    def is_moving(self) -> bool:
        """Whether what is drawn goes on changing by itself, and somebody can see it."""
        return not self.is_hidden and self.phase in _MOVING


def toy(key: str, preset: Preset | None = None) -> None:
    """Draw a toy that trains while the page is looked at.

    Args:
        key: The element's key, the same in every draw; a visitor has one toy for each key.
        preset: How it begins; when it changes, the toy begins anew.
    """
    state = _state(key, preset or Preset())
    frame, _ = _look(state, 0.0)
    state.phase = frame.phase  # or the fragment would rerun a page that is half drawn
    poll_s = _poll_s(state)
    live = st.fragment(_live, run_every=poll_s, key=f"{key}_live")
    live(key, poll_s)


def warm_up() -> None:
    """Start the process that trains toys: for a page from which the next click leads to one."""
    server().start()


@st.cache_resource(show_spinner=False)
def server() -> ToyServer:
    """Return the one server of toys in this process."""
    made = ToyServer()
    atexit.register(made.close)
    at_end(made.close)
    return made


@st.cache_resource(show_spinner=False)
def _audience() -> Audience:
    return Audience(tiers=_TIERS)


def _state(key: str, preset: Preset) -> _State:
    held: _State | None = session().toys.get(key)
    if held is None or held.preset != preset:
        plane = Plane(preset.method, preset.factor, is_paused=preset.is_paused)
        held = _State(preset, plane)
        session().toys[key] = held
    return held


def _poll_s(state: _State) -> float | None:
    """Return the seconds between two draws of a toy; None: it is drawn once."""
    return _audience().poll_s("toys", state.toy_id) if state.is_moving else None


def _look(state: _State, wait_s: float) -> tuple[Frame, str]:
    """Return a toy's newest frame, and why it is not trained; "" if it is."""
    task = state.plane.task
    answer = server().look(state.toy_id, task, wait_s)
    if isinstance(answer, Frame):
        return answer, ""
    return opening_frame(state.toy_id, task), answer.reason


def _live(key: str, poll_s: float | None) -> None:
    """Draw the toy as it stands; rerun the page if the interval of polls must change.

    Args:
        key: The element's key.
        poll_s: Seconds between two draws; None to draw once.
    """
    state: _State = session().toys[key]
    frame, refusal = _look(state, _WAIT_S)
    lines = words.class_lines(frame)
    said = words.notes(frame, state.plane.task, state.plane.complaint, refusal, server().problem())
    toy_plane(
        key=key,
        shown={
            "frame": frame.model_dump(exclude={"kind", "student_accuracy", "teacher_accuracy"}),
            "method": state.plane.method,
            "factor": state.plane.factor,
            "max_factor": MAX_FACTOR,
            "is_paused": state.plane.is_paused,
            "state": words.state_of(frame),
            "sentence": words.sentence(state.plane.method, lines),
            "notes": said,
            "classes": [line._asdict() for line in lines],
            "preset": {"ground": state.preset.ground, "size": state.preset.size},
            "controls": list(state.preset.controls),
            "last_edit": state.plane.last_edit,
            "glossary": glossary_of("Student", "Teacher", "w_hard", "w_soft"),
        },
        on_edits=state.plane.take,
        on_hidden=lambda is_hidden: setattr(state, "is_hidden", is_hidden),
    )
    state.phase = frame.phase
    if _poll_s(state) != poll_s:
        st.rerun()  # an interval cannot be changed from here
