"""A run at an epoch as the views of single pictures need it, and its pictures for the browser."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from app.components import Picture
from app.figures.classes import rows_of
from app.figures.drawing import GROUP_COLOURS
from app.lab import pictures
from app.lab.moment import frame_of
from app.lab.pictures import Values
from app.shared import engine
from bikd_core.data.pictures import PicturesUnavailable
from bikd_core.events import BELIEF_UNIT, Panel, RunStarted
from bikd_core.runs import CorruptRunError, Snapshot, StoreError

WIDTHS = (0.46, 0.54)  # of the two columns
NO_BELIEFS = (
    "This run is of an earlier version, which did not keep what the student takes each picture for."
)


class Moment(NamedTuple):
    """A run at an epoch, with what is known of each training image then."""

    snapshot: Snapshot
    started: RunStarted
    epoch: int
    panel: Panel
    values: Values

    @property
    def has_beliefs(self) -> bool:
        """Whether the run kept what student and teacher believe of each image."""
        return not np.isnan(self.values[:, pictures.COLUMNS.index("taken_for")]).all()

    def beliefs(self, row: int, whose: Literal["student", "teacher"]) -> list[tuple[int, float]]:
        """The most probable classes of an image by label, and how probable; [] if not kept.

        Raises:
            CorruptRunError, StoreError: The epoch's frame is damaged or gone.
        """
        frame = frame_of(self.snapshot, self.epoch)
        classes, beliefs = (
            (frame.student_top, frame.student_belief)
            if whose == "student"
            else (frame.teacher_top, frame.teacher_belief)
        )
        if classes is None or beliefs is None:
            return []
        shares = (beliefs[row] / BELIEF_UNIT).tolist()
        return list(zip(classes[row].tolist(), shares, strict=True))

    def name_of(self, row: int) -> str:
        """The class of a training image."""
        return self.started.class_names[int(self.panel.labels[row])]

    def groups(self) -> dict[int, str]:
        """Many, medium or few, by label."""
        rows = rows_of(self.started.class_names, self.started.class_counts)
        return dict(zip(rows.labels, rows.groups, strict=True))


def moment_of(snapshot: Snapshot, chosen: int) -> Moment | str:
    """What there is to show at an epoch, or why there is nothing."""
    if snapshot.resolved is None or not 1 <= chosen <= len(snapshot.epochs):
        ended = "This run ended before its first epoch was done."
        return ended if snapshot.has_ended else "Here from the first epoch on."
    try:
        values = pictures.values_at(snapshot, chosen)
        return Moment(snapshot, snapshot.resolved, chosen, snapshot.folder.panel(), values)
    except (CorruptRunError, StoreError) as error:
        return str(error)


def pictures_of(
    moment: Moment, rows: list[int], order: pictures.Order, *, is_exact: bool = False
) -> tuple[list[Picture], str]:
    """The pictures of these rows; and a sentence if they are not on this machine."""
    indices = moment.panel.original_indices[rows].tolist()
    dataset = moment.snapshot.config.data.dataset
    complaint = ""
    try:
        folder = engine.manager().places.data
        images = pictures.data_uris(dataset, indices, folder, is_exact=is_exact)
    except PicturesUnavailable as error:
        images, complaint = [""] * len(rows), str(error)
    groups, column = moment.groups(), pictures.column_of(order)
    values = moment.values[rows, pictures.COLUMNS.index(column)].astype(np.float64).tolist()
    shown = "loss" if order == "loss" else column
    names = moment.started.class_names
    taken = moment.values[rows, pictures.COLUMNS.index("taken_for")].tolist()
    made = []
    for row, index, image, value, label in zip(rows, indices, images, values, taken, strict=True):
        name = moment.name_of(row)
        seen = "" if np.isnan(label) else f", taken for {pictures.in_words(names[int(label)])}"
        group = groups[int(moment.panel.labels[row])]
        made.append(
            Picture(
                id=index,
                image=image,
                alt=f"{pictures.in_words(name)}, {shown} {value:.2f}{seen}",
                name=name,
                value=f"{value:.2f}",
                group=group,
                colour=GROUP_COLOURS[group],
            )
        )
    return made, complaint
