"""The training images that a click on a figure selects.

N training images in the panel's order. Points come from the browser: they may be anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray

from app.figures.classes import rows_of
from app.figures.drawing import Kind
from app.figures.weight_axis import weight_axis_of
from app.lab.views.images.values import COLUMNS, Values
from app.shared.session import session
from bikd_core.config import WeightScale
from bikd_core.evaluation import bin_of, shot_groups
from bikd_core.events import Panel, RunStarted

Point = Mapping[str, Any]  # a trace's uid; x, y and customdata of the point


@dataclass(frozen=True)
class Selection:
    """Some of the training images: those of some classes, perhaps of one weight bin only."""

    words: str  # what they are, for people: "digit 9", "few-shot classes"
    labels: tuple[int, ...]
    kind: Kind | None = None
    bin: int | None = None  # of the 64 of w_hard or w_soft, as `kind` says
    row: int | None = None  # its row in the panel: that image alone
    taken_for: tuple[int, ...] | None = None  # labels, one of which the student finds most likely
    epoch: int | None = None  # at which that holds; None: the epoch looked at
    scale: WeightScale = "sigmoid"  # of the weights
    is_wrong: bool = False  # only those with a planted wrong label
    is_doubted: bool = False  # only those whose weights and influence say so of their label

    @property
    def title(self) -> str:
        """The words, with the weights of the bin, and the epoch if it is fixed."""
        if self.kind is None or self.bin is None:
            return self.words
        weights = weight_axis_of(self.scale).bin_in_words(self.bin)
        when = "" if self.epoch is None else f" at epoch {self.epoch}"
        return f"{self.words}, w_{self.kind} {weights}{when}"

    def keeps(
        self,
        labels: NDArray[np.integer[Any]],
        values: Values,
        is_wrong: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.bool_]:
        """Return which of the images belong to it: [N], [N, 7], [N] -> [N].

        Without label noise `is_wrong` is None, and no label is.
        """
        kept = np.isin(labels, self.labels)
        if self.is_wrong:
            kept &= np.zeros(len(labels), dtype=np.bool_) if is_wrong is None else is_wrong
        if self.row is not None:
            kept &= np.arange(len(labels)) == self.row
        if self.kind is not None and self.bin is not None:
            weights = values[:, COLUMNS.index(f"w_{self.kind}")].astype(np.float64)
            is_known = ~np.isnan(weights)
            kept &= is_known & (bin_of(np.where(is_known, weights, 0.0), self.scale) == self.bin)
        if self.taken_for is not None:
            kept &= np.isin(values[:, COLUMNS.index("taken_for")], self.taken_for)
        return kept


# What this browser has selected ------------------------------------------------------------------


class Selected(NamedTuple):
    """A selection, the run that it belongs to and the figure that was clicked on."""

    run_id: str
    figure: str
    selection: Selection


def select(run_id: str, figure: str, selection: Selection | None) -> None:
    """Remember what a click on a figure of a run selected; None changes nothing."""
    if selection is not None:
        session().selected = Selected(run_id, figure, selection)


def clear_selection() -> None:
    """Select nothing."""
    session().selected = None


def selected_in(run_id: str) -> Selected | None:
    """Return what is selected in a run."""
    held = session().selected
    return held if isinstance(held, Selected) and held.run_id == run_id else None


# What a click selects ----------------------------------------------------------------------------


def in_words(class_name: str) -> str:
    """Return a class as a sentence names it: a number alone would be taken for a count."""
    return f"digit {class_name}" if class_name.isdigit() else class_name


def from_weights(
    point: Point,
    started: RunStarted,
    kind: Kind,
    *,
    by_class: bool,
    scale: WeightScale = "sigmoid",
) -> Selection | None:
    """Return the class (or third of the classes) and the bin clicked on in a distribution.

    A click on a row's mean selects the whole row.
    """
    uid, x, y = str(point.get("uid")), point.get("x"), point.get("y")
    if not _is_number(x) or not _is_number(y):
        return None
    rows = rows_of(started.class_names, started.class_counts)
    ridge = uid.removeprefix("ridge-")
    if ridge != uid and ridge.isascii() and ridge.isdigit():
        row_of = {label: row for row, label in enumerate(rows.labels)}
        row = row_of.get(int(ridge), -1) if by_class else int(ridge)
    else:
        row = _row_at(y)
    if by_class:
        names = [in_words(name) for name in rows.names]
        members: list[tuple[int, ...]] = [(label,) for label in rows.labels]
    else:
        thirds = shot_groups(started.class_counts)._asdict()
        names = [f"{name}-shot classes" for name in thirds]
        members = list(thirds.values())
    if not 0 <= row < len(members):
        return None
    if uid == "means":
        return Selection(names[row], members[row])
    return Selection(names[row], members[row], kind, _bin_at(x, scale), scale=scale)


def from_class_bars(point: Point, started: RunStarted) -> Selection | None:
    """Return the class whose bar, or teacher's diamond, was clicked on."""
    y = point.get("y")
    if not _is_number(point.get("x")) or not _is_number(y):
        return None
    rows = rows_of(started.class_names, started.class_counts)
    row = _row_at(y)
    if not 0 <= row < len(rows.labels):
        return None
    return Selection(in_words(rows.names[row]), (rows.labels[row],))


def from_confusion(point: Point, started: RunStarted, *, by_class: bool) -> Selection | None:
    """Return what a click on a cell of the confusion matrix selects.

    The matrix counts test images, which no run keeps. So these are the training images of the
    row's class (or third of the classes) that the student took for the column's when it trained
    on them.
    """
    rows = rows_of(started.class_names, started.class_counts)
    members = {name: (label,) for name, label in zip(rows.names, rows.labels, strict=True)}
    words = {name: in_words(name) for name in members}
    if not by_class:
        members = shot_groups(started.class_counts)._asdict()
        words = {name: f"{name}-shot classes" for name in members}
    true, predicted = str(point.get("y")), str(point.get("x"))
    if true not in members or predicted not in members:
        return None
    return Selection(
        f"{words[true]}, in training taken for {words[predicted]} by the student",
        members[true],
        taken_for=members[predicted],
    )


def from_weights_over_time(
    point: Point,
    started: RunStarted,
    over: str,
    num_epochs: int,
    scale: WeightScale = "sigmoid",
) -> Selection | None:
    """Return the bin of w_hard or w_soft, and the epoch, that was clicked on.

    Args:
        point: Its uid is hard, soft or difference, its x the epoch, its y the weight.
        started: Names and counts of the classes.
        over: Whose weights are drawn: many, medium, few or a class's label.
        num_epochs: Epochs that are done.
        scale: The scale of the weights.
    """
    kind, x, y = point.get("uid"), point.get("x"), point.get("y")
    if kind not in ("hard", "soft") or not _is_number(x) or not _is_number(y):
        return None
    groups = shot_groups(started.class_counts)._asdict()
    if over in groups:
        words, members = f"{over}-shot classes", groups[over]
    else:
        words, members = in_words(started.class_names[int(over)]), (int(over),)
    epoch = min(max(round(x), 1), num_epochs)
    whose: Kind = "hard" if kind == "hard" else "soft"
    return Selection(words, members, whose, _bin_at(y, scale), epoch=epoch, scale=scale)


def from_line(point: Point, started: RunStarted) -> Selection | None:
    """Return the third of the classes whose line over the epochs was clicked on."""
    groups = shot_groups(started.class_counts)._asdict()
    group = str(point.get("uid")).removeprefix("hard-").removeprefix("soft-")
    return Selection(f"{group}-shot classes", groups[group]) if group in groups else None


def from_image(point: Point, started: RunStarted, panel: Panel) -> Selection | None:
    """Return the one image whose point was clicked on; customdata is its row in the panel."""
    row = point.get("customdata")
    if not isinstance(row, int) or isinstance(row, bool) or not 0 <= row < len(panel.labels):
        return None
    label = int(panel.labels[row])
    words = f"{in_words(started.class_names[label])}, No. {panel.original_indices[row]}"
    return Selection(words, (label,), row=row)


def wrong_labels(num_classes: int) -> Selection:
    """Return the images with a planted wrong label."""
    return Selection("planted wrong labels", tuple(range(num_classes)), is_wrong=True)


def doubted_labels(num_classes: int) -> Selection:
    """Return the images whose labels the run's weights and influence doubt."""
    return Selection("doubted labels", tuple(range(num_classes)), is_doubted=True)


def _row_at(y: float) -> int:
    """Return the row of a mark, which is drawn at its row's base line or a little above."""
    return round(0.1 - y)


def _bin_at(weight: float, scale: WeightScale) -> int:
    """Return the bin of a weight that a browser reports, which may be any number."""
    return int(bin_of(np.array(max(weight, 0.0)), scale))


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6
