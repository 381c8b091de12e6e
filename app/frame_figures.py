"""Figures of an epoch's stored arrays, each empty with a reason where these are missing."""

from __future__ import annotations

from app import figures
from app.figures import surface
from app.figures.drawing import QUESTIONS, Drawing, Kind, empty
from app.moment import Moment, no_weights
from bikd_core.runs import StoreError


def response_surface(moment: Moment, kind: Kind) -> Drawing:
    """What the weight net answers to each pair of losses, at this epoch."""
    title = QUESTIONS[f"surface_{kind}"]
    if not moment.has_weights:
        return empty(title, no_weights(moment.snapshot), surface.HEIGHT)
    try:
        frame, panel = moment.frame(), moment.panel()
    except StoreError as error:
        return empty(title, str(error), surface.HEIGHT)
    if frame.surface is None or frame.ce_teacher is None:
        return empty(title, "This run kept no surface for this epoch.", surface.HEIGHT)
    return figures.response_surface(frame, panel, moment.started, kind, moment.choices.axes)
