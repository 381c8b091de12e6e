"""A run at an epoch as the views of single pictures need it, and its pictures for the browser."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from app import pictures, state
from app.components import Picture
from app.figures.classes import rows_of
from app.figures.drawing import GROUP_COLOURS
from app.pictures import Values
from bikd_core.data.pictures import PicturesUnavailable
from bikd_core.events import Panel, RunStarted
from bikd_core.runs import CorruptRunError, Snapshot, StoreError

WIDTHS = (0.46, 0.54)  # of the two columns


class Moment(NamedTuple):
    """A run at an epoch, with what is known of each training image then."""

    snapshot: Snapshot
    started: RunStarted
    epoch: int
    panel: Panel
    values: Values

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
        folder = state.manager().places.data
        images = pictures.data_uris(dataset, indices, folder, is_exact=is_exact)
    except PicturesUnavailable as error:
        images, complaint = [""] * len(rows), str(error)
    groups, column = moment.groups(), pictures.column_of(order)
    values = moment.values[rows, pictures.COLUMNS.index(column)].astype(np.float64).tolist()
    shown = "loss" if order == "loss" else column
    made = []
    for row, index, image, value in zip(rows, indices, images, values, strict=True):
        name = moment.name_of(row)
        group = groups[int(moment.panel.labels[row])]
        made.append(
            Picture(
                id=index,
                image=image,
                alt=f"{pictures.in_words(name)}, {shown} {value:.2f}",
                name=name,
                value=f"{value:.2f}",
                group=group,
                colour=GROUP_COLOURS[group],
            )
        )
    return made, complaint
