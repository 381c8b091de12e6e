"""Figures of an epoch's stored arrays, each empty with a reason where these are missing."""

from __future__ import annotations

from app import figures
from app.figures import over_time, surface
from app.figures.drawing import QUESTIONS, Drawing, Kind, empty
from app.lab.moment import Moment, frame_of, no_weights
from app.lab.weight_history import history_of
from bikd_core.evaluation import shot_groups
from bikd_core.runs import Snapshot, StoreError


def response_surface(moment: Moment, kind: Kind) -> Drawing:
    """What the weight net answers to each pair of losses, at this epoch."""
    title = QUESTIONS[f"surface_{kind}"]
    if not moment.has_weights_of(kind):
        return empty(title, no_weights(moment.snapshot, kind), surface.HEIGHT)
    try:
        frame, panel = moment.frame(), moment.panel()
    except StoreError as error:
        return empty(title, str(error), surface.HEIGHT)
    if frame.surface is None or frame.ce_teacher is None:
        return empty(title, "This run kept no surface for this epoch.", surface.HEIGHT)
    return figures.response_surface(frame, panel, moment.started, kind, moment.choices.axes)


def weights_over_time(moment: Moment) -> Drawing:
    """The histograms of all epochs so far, of the classes that the viewer chose."""
    snapshot, whose = moment.snapshot, moment.choices.over_time_of
    if not moment.has_weights:
        return empty(QUESTIONS["over_time"], no_weights(snapshot), over_time.HEIGHT)
    names = moment.started.class_names
    groups = shot_groups(moment.started.class_counts)._asdict()
    if whose in groups:
        labels, words = groups[whose], f"{whose}-class"
    else:
        label = int(whose) % len(names)
        labels, words = (label,), f"class {names[label]}"
    counts = history_of(snapshot).counts(len(snapshot.epochs), labels)
    return figures.weights_over_time(counts, words, moment.epoch.epoch, moment.planned)


def confusion(moment: Moment) -> Drawing:
    """What test images are taken for at this epoch."""
    try:
        counts = moment.frame().confusion
    except StoreError as error:
        return empty(QUESTIONS["confusion"], str(error))
    return figures.confusion(
        counts, moment.started, moment.epoch.epoch, by_class=moment.choices.by_class
    )


def confusion_difference(
    runs: tuple[Snapshot, Snapshot], chosen: tuple[int, int], *, by_class: bool
) -> Drawing:
    """What run B takes test images for, less what run A does."""
    title = QUESTIONS["confusion_difference"]
    first, second = (run.resolved for run in runs)
    if first is None or second is None or 0 in chosen:
        return empty(title, "Here as soon as both runs have an epoch.")
    if (first.class_names, first.class_counts) != (second.class_names, second.class_counts):
        return empty(title, "The two runs have other classes, or other counts of them.")
    try:
        counts = tuple(
            frame_of(run, epoch).confusion for run, epoch in zip(runs, chosen, strict=True)
        )
    except StoreError as error:
        return empty(title, str(error))
    return figures.confusion_difference((counts[0], counts[1]), first, chosen, by_class=by_class)
