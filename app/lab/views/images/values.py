"""The values of each training image at an epoch, and of one image over all epochs.

N training images in the panel's order.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.figures.classes import rows_of
from app.figures.drawing import Kind
from bikd_core.events import BELIEF_UNIT, Frame, Panel, RunStarted
from bikd_core.label_doubts import Doubts, epochs_that_count, label_doubts
from bikd_core.runs import Snapshot, StoreError

MAX_POINTS = 400  # epochs of an image's history; of longer runs every n-th is read
#: The columns of `values_at`.
COLUMNS = (
    *("w_hard", "w_soft", "ce_student", "ce_teacher", "influence_hard", "influence_soft"),
    "taken_for",  # the label of the student's most probable class
)
KINDS: tuple[Kind, ...] = ("hard", "soft")
#: A frame's arrays by name, and the columns that their first columns fill.
_STORED = {
    "weights": (0, 1),
    "ce_student": (2,),
    "ce_teacher": (3,),
    "influence": (4, 5),
    "student_top": (6,),
}
_LARGEST = 60_000.0  # what half precision holds

Values = NDArray[np.float16]  # [N, 7] or [epochs, 7], `COLUMNS`; NaN where the method has none


class ImagesAt(NamedTuple):
    """All training images of a run at one epoch."""

    snapshot: Snapshot
    started: RunStarted
    epoch: int
    panel: Panel
    frame: Frame
    values: Values

    @property
    def has_beliefs(self) -> bool:
        """Whether the run kept what student and teacher believe of each image."""
        return not np.isnan(self.values[:, COLUMNS.index("taken_for")]).all()

    def beliefs(self, row: int, whose: Literal["student", "teacher"]) -> list[tuple[int, float]]:
        """Return the most probable classes of an image: (label, probability); [] if not kept."""
        frame = self.frame
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
        """Return the name of an image's class, as it is labelled."""
        return self.started.class_names[int(self.panel.labels[row])]

    def true_name_of(self, row: int) -> str:
        """Return the name of an image's true class if its label is a planted wrong one, else ""."""
        panel = self.panel
        if panel.true_labels is None or panel.is_wrong is None or not panel.is_wrong[row]:
            return ""
        return self.started.class_names[int(panel.true_labels[row])]

    def groups(self) -> dict[int, str]:
        """Return many, medium or few, by label."""
        rows = rows_of(self.started.class_names, self.started.class_counts)
        return dict(zip(rows.labels, rows.groups, strict=True))


def images_at(snapshot: Snapshot, epoch: int) -> ImagesAt:
    """Return the training images at an epoch that is done.

    Raises:
        StoreError: The epoch's frame, or the panel, is damaged (`CorruptRunError`) or gone.
    """
    assert snapshot.resolved is not None  # no epoch is done before the run has begun
    folder = snapshot.folder
    frame, panel = folder.frame(epoch), folder.panel()
    return ImagesAt(snapshot, snapshot.resolved, epoch, panel, frame, values_at(snapshot, epoch))


def doubts_at(snapshot: Snapshot, epoch: int) -> Doubts:
    """Return which labels the last third of the epochs up to this one doubts, of each image.

    Raises:
        StoreError: A frame is damaged (`CorruptRunError`) or gone.
    """
    weights, influence = [], []
    for number in epochs_that_count(epoch):
        arrays = snapshot.folder.frame_arrays(number, "weights", "influence")
        assert arrays["weights"] is not None  # asked only of runs with weights
        if arrays["influence"] is None:
            raise StoreError(
                "Nothing says which labels D_val doubts: the loop of this run did not record "
                "influence, which Recorder.batch(…, influence=…) does."
            )
        weights.append(arrays["weights"][:, 0])
        influence.append(arrays["influence"][:, 0])
    return label_doubts(np.array(weights), np.array(influence))


# Values by epoch ---------------------------------------------------------------------------------


def values_at(snapshot: Snapshot, epoch: int) -> Values:
    """Return the values of each image at an epoch that is done: [N, 7] in half precision.

    Raises:
        StoreError: The epoch's frame is damaged (`CorruptRunError`) or gone.
    """
    return _values(snapshot, epoch, slice(None))


def _values(snapshot: Snapshot, epoch: int, rows: slice) -> Values:
    """Return the values of these rows of the panel, [rows, 7]."""
    stored = snapshot.folder.frame_arrays(epoch, *_STORED)
    arrays = {name: array[rows] for name, array in stored.items() if array is not None}
    values = np.full((len(arrays["ce_student"]), len(COLUMNS)), np.nan, dtype=np.float16)
    for name, columns in _STORED.items():
        if name in arrays:
            array = arrays[name].reshape(len(values), -1)[:, : len(columns)]
            values[:, columns] = np.clip(array, -_LARGEST, _LARGEST)
    return values


class History(NamedTuple):
    """One image over the epochs 1, 1 + every, 1 + 2·every and so on."""

    every: int
    values: Values  # [epochs, 7], of that image

    def line(self, column: str) -> list[float] | None:
        """Return the values of one column; None where the method has none."""
        line = self.values[:, COLUMNS.index(column)].astype(np.float64)
        return None if np.isnan(line).all() else line.tolist()

    def gaps(self, column: str) -> list[float | None]:
        """Return the values of one column, with None where there is none."""
        line = self.values[:, COLUMNS.index(column)].astype(np.float64)
        return [None if np.isnan(value) else float(value) for value in line]


def history(snapshot: Snapshot, row: int) -> History:
    """Return one training image over all epochs that are done.

    Raises:
        StoreError: A frame is damaged (`CorruptRunError`) or gone.
    """
    done = len(snapshot.epochs)
    every = -(-done // MAX_POINTS)
    epochs = range(1, done + 1, max(every, 1))
    return History(
        every, np.concatenate([_values(snapshot, epoch, slice(row, row + 1)) for epoch in epochs])
    )
