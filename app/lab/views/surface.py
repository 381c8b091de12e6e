"""The view "Surface": what the weight net answers to each pair of losses."""

from __future__ import annotations

from functools import partial
from typing import Literal

import streamlit as st
from pydantic import Field

from app import figures
from app.figures import surface
from app.figures.drawing import Drawing, Kind, empty
from app.figures.surface import SURFACE_QUESTIONS
from app.lab.views.images import selection
from app.lab.views.images.selection import Point, Selection
from app.lab.views.moment import Moment, unless_own_loop, why_no_weights
from app.lab.views.view import Figure, View, show_value
from app.shared.engine import attempt
from app.shared.link import Link
from bikd_core.events import Frame
from bikd_core.runs import Snapshot, StoreError

_KEY = "surface_axes"


class SurfaceLink(Link):
    """The view's part of the address."""

    axes: Literal["log", "linear"] = Field("log", description="log or linear")


def _surface(moment: Moment, kind: Kind) -> Drawing:
    question = SURFACE_QUESTIONS[kind]
    if not moment.has_weights_of(kind):
        return empty(question, why_no_weights(moment.snapshot, kind), surface.HEIGHT)
    folder = moment.snapshot.folder
    try:
        frame, panel = folder.frame(moment.chosen), folder.panel()
    except StoreError as error:
        return empty(question, str(error), surface.HEIGHT)
    axes, note = moment.choices(SurfaceLink).axes, _note(moment.snapshot, frame)
    if frame.surface is None or (frame.ce_teacher is None and frame.weights is None):
        why = unless_own_loop(
            moment.snapshot,
            "Recorder.end_epoch(…, weight_function=…)",
            "This run kept no surface for this epoch.",
        )
        return empty(question, why, surface.HEIGHT)
    if frame.ce_teacher is None and kind == "soft":
        call = "Recorder.batch(…, teacher_logits=…)"
        why = "Without the teacher's loss there is no surface of w_soft."
        return empty(question, unless_own_loop(moment.snapshot, call, why), surface.HEIGHT)
    if frame.ce_teacher is None:
        return figures.response_curve(frame, panel, moment.started, axes, moment.scale, note)
    return figures.response_surface(frame, panel, moment.started, kind, axes, moment.scale, note)


def _note(snapshot: Snapshot, frame: Frame) -> str:
    """Return what has to be said about the net's inputs; "" where they are the losses drawn.

    Runs of earlier versions, over CE + KD all of them, did not keep what the net saw.
    """
    method = snapshot.config.method
    has_prior = getattr(method, "over", "") == "ce_kd" and getattr(method, "prior", "") != "none"
    sees_prior = has_prior and getattr(method, "weight_net_inputs", "plain") == "shifted"
    if frame.seen_by_net is not None or not sees_prior:
        return ""
    return (
        "The net sees the student's loss with the class prior; the points stand at the plain one."
    )


def _select_image(moment: Moment, point: Point) -> Selection | None:
    panel = attempt(moment.snapshot.folder.panel)
    return None if panel is None else selection.from_image(point, moment.started, panel)


SURFACE_HARD, SURFACE_SOFT = (
    Figure(f"surface_{kind}", SURFACE_QUESTIONS[kind], partial(_surface, kind=kind), _select_image)
    for kind in ("hard", "soft")
)


class _Surface(View):
    def widgets(self, snapshot: Snapshot) -> None:
        show_value(_KEY, self.choices(SurfaceLink).axes)
        st.segmented_control(
            "Axes",
            ["log", "linear"],
            format_func="{} axes".format,
            key=_KEY,
            required=True,
            label_visibility="collapsed",
            persist_state="session",
            on_change=lambda: self.choose(SurfaceLink(axes=st.session_state[_KEY])),
        )


VIEW = _Surface(
    "Surface",
    "What did the weight net learn?",
    ((SURFACE_HARD, SURFACE_SOFT),),
    SurfaceLink,
)
