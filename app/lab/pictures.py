"""Which training pictures are shown: a choice of them, their order, their values over the epochs.

N training images in the panel's order; pictures are named by their original index.
"""

from __future__ import annotations

import base64
import io
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray
from PIL import Image  # comes with Streamlit, which cannot do without it

from app.figures.classes import rows_of
from app.figures.drawing import Kind
from bikd_core.data.pictures import load_pictures
from bikd_core.evaluation import shot_groups
from bikd_core.events import WEIGHT_BINS, Frame, Panel, RunStarted
from bikd_core.runs import Snapshot

Order = Literal["hard", "soft", "loss"]  # by w_hard, by w_soft, by the student's cross-entropy
SHOWN = 24  # pictures at once
MAX_POINTS = 400  # epochs of a picture's history; of a longer one every n-th is read, and said
CACHE_BYTES = 96 * 2**20  # of frames in memory
#: The columns of `values_at`.
COLUMNS = (
    *("w_hard", "w_soft", "ce_student", "ce_teacher", "influence_hard", "influence_soft"),
    "taken_for",  # the label of the student's most probable class
)
_LARGEST = 60_000.0  # of what half precision holds

Values = NDArray[np.float16]  # [N, 7] or [epochs, 7], `COLUMNS`; NaN where the method has none


@dataclass(frozen=True)
class Selection:
    """Some of the training images: those of some classes, perhaps of one weight bin only."""

    words: str  # what they are, for people: "digit 9", "few-shot classes"
    labels: tuple[int, ...]
    kind: Kind | None = None
    bin: int | None = None  # of the 64 of w_hard or w_soft, as `kind` says
    row: int | None = None  # of the panel: that image alone
    taken_for: tuple[int, ...] | None = None  # labels: the student believes in one of them most
    epoch: int | None = None  # when they are that; None: at the epoch looked at

    @property
    def title(self) -> str:
        """With the weights of the bin, and the epoch if it is a certain one."""
        if self.kind is None or self.bin is None:
            return self.words
        low, high = self.bin / WEIGHT_BINS, (self.bin + 1) / WEIGHT_BINS
        when = "" if self.epoch is None else f" at epoch {self.epoch}"
        return f"{self.words}, w_{self.kind} {low:.3f} to {high:.3f}{when}"

    def keeps(self, labels: NDArray[np.integer[Any]], values: Values) -> NDArray[np.bool_]:
        """Which of the N images belong to it; [N], [N, 7] -> [N]."""
        kept = np.isin(labels, self.labels)
        if self.row is not None:
            kept &= np.arange(len(labels)) == self.row
        if self.kind is not None and self.bin is not None:
            weights = values[:, COLUMNS.index(f"w_{self.kind}")].astype(np.float64)
            with np.errstate(invalid="ignore"):  # NaN is in no bin
                bins = np.minimum(np.floor(weights * WEIGHT_BINS), WEIGHT_BINS - 1)
            kept &= bins == self.bin
        if self.taken_for is not None:
            kept &= np.isin(values[:, COLUMNS.index("taken_for")], self.taken_for)
        return kept


def selection_of(
    figure: str, point: Mapping[str, Any], started: RunStarted, *, by_class: bool
) -> Selection | None:
    """What a click on a figure selects: a class or a third of them, and the weight bin if one.

    Args:
        figure: "w_hard", "w_soft" or "class_accuracy".
        point: The trace's uid and x and y of the point, as the browser says; may be anything.
        started: Names and counts of the classes.
        by_class: Else the figure has a row for each of many, medium, few.

    Returns:
        None where there is nothing to select.
    """
    uid, x, y = str(point.get("uid")), point.get("x"), point.get("y")
    if not _is_number(x) or not _is_number(y):
        return None
    rows = rows_of(started.class_names, started.class_counts)
    kind: Kind | None = "hard" if figure == "w_hard" else "soft" if figure == "w_soft" else None
    ridge = uid.removeprefix("ridge-")
    row_of = {label: row for row, label in enumerate(rows.labels)}
    if ridge != uid and ridge.isascii() and ridge.isdigit():
        row = row_of.get(int(ridge), -1) if by_class else int(ridge)
    else:
        row = round(0.1 - y)  # marks of a row are drawn at, or a little above, its base line
    names = [in_words(name) for name in rows.names]
    members = [(label,) for label in rows.labels]
    if kind is not None and not by_class:
        thirds = shot_groups(started.class_counts)._asdict()
        names = [f"{name}-shot classes" for name in thirds]
        members = list(thirds.values())
    if not 0 <= row < len(members):
        return None
    if kind is None or uid == "means":
        return Selection(names[row], members[row])
    return Selection(names[row], members[row], kind, min(max(int(x * WEIGHT_BINS), 0), 63))


def selection_of_cell(
    point: Mapping[str, Any], started: RunStarted, *, by_class: bool
) -> Selection | None:
    """What a click on the confusion matrix selects.

    The matrix is of test images, which no run keeps; so it is the training images of the row's
    class, or third of the classes, that the student took for the column's at their own step.
    """
    rows = rows_of(started.class_names, started.class_counts)
    members = {name: (label,) for name, label in zip(rows.names, rows.labels, strict=True)}
    words = {name: in_words(name) for name in members}
    if not by_class:
        members = shot_groups(started.class_counts)._asdict()
        words = {name: f"{name}-shot classes" for name in members}
    true, seen = str(point.get("y")), str(point.get("x"))
    if true not in members or seen not in members:
        return None
    return Selection(
        f"{words[true]}, in training taken for {words[seen]} by the student",
        members[true],
        taken_for=members[seen],
    )


def selection_over_time(
    point: Mapping[str, Any], started: RunStarted, whose: str, num_epochs: int
) -> Selection | None:
    """What a click on the weights over time selects: a bin of hard or of soft at an epoch.

    Args:
        point: Its uid is hard, soft or difference, its x the epoch, its y the weight.
        started: Names and counts of the classes.
        whose: Those that are drawn: many, medium, few or a class's label.
        num_epochs: Done.
    """
    kind, x, y = point.get("uid"), point.get("x"), point.get("y")
    if kind not in ("hard", "soft") or not _is_number(x) or not _is_number(y):
        return None
    groups = shot_groups(started.class_counts)._asdict()
    if whose in groups:
        words, members = f"{whose}-shot classes", groups[whose]
    else:
        label = int(whose) % len(started.class_names)
        words, members = in_words(started.class_names[label]), (label,)
    number = min(max(int(y * WEIGHT_BINS), 0), WEIGHT_BINS - 1)
    epoch = min(max(round(x), 1), num_epochs)
    return Selection(words, members, "hard" if kind == "hard" else "soft", number, epoch=epoch)


def selection_of_line(point: Mapping[str, Any], started: RunStarted) -> Selection | None:
    """What a click on a line over the epochs selects: the third of the classes that it is of."""
    groups = shot_groups(started.class_counts)._asdict()
    of_line = {"hard-tail": "few", "soft-tail": "few", "hard-head": "many", "soft-head": "many"}
    uid = str(point.get("uid"))
    group = of_line.get(uid, uid)
    return Selection(f"{group}-shot classes", groups[group]) if group in groups else None


def selection_of_image(
    point: Mapping[str, Any], started: RunStarted, panel: Panel
) -> Selection | None:
    """What a click on a figure with a point for each image selects: that image.

    The point's customdata is the image's row in the panel; as all from the browser, if at all.
    """
    row = point.get("customdata")
    if not isinstance(row, int) or isinstance(row, bool) or not 0 <= row < len(panel.labels):
        return None
    label = int(panel.labels[row])
    words = f"{in_words(started.class_names[label])}, No. {panel.original_indices[row]}"
    return Selection(words, (label,), row=row)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6


class Section(NamedTuple):
    """A part of the gallery: rows of the panel in the order shown."""

    title: str
    rows: tuple[int, ...]


def in_words(class_name: str) -> str:
    """A class as a sentence names it: a number alone would be taken for a count."""
    return f"digit {class_name}" if class_name.isdigit() else class_name


def column_of(order: Order) -> str:
    """Of `COLUMNS`, what a gallery is ordered by."""
    return "ce_student" if order == "loss" else f"w_{order}"


def in_short(order: Order) -> str:
    """What a gallery is ordered by, in words."""
    return "student's loss" if order == "loss" else column_of(order)


def sections(values: Values, kept: NDArray[np.bool_], order: Order) -> tuple[Section, ...]:
    """The most and the least weighted of the kept images, half of `SHOWN` each, or all of few.

    Equal values are in the panel's order. An image is never in both sections.
    """
    rows = np.flatnonzero(kept)
    falling = rows[np.argsort(-values[rows, COLUMNS.index(column_of(order))], kind="stable")]
    name = in_short(order)
    if len(falling) <= SHOWN:
        number = "One picture" if len(falling) == 1 else f"All {len(falling)}, highest {name} first"
        return (Section(number if len(falling) else "None here", tuple(falling.tolist())),)
    half = SHOWN // 2
    return (
        Section(f"Highest {name}", tuple(falling[:half].tolist())),
        Section(f"Lowest {name}", tuple(falling[: -half - 1 : -1].tolist())),
    )


# What frames hold --------------------------------------------------------------------------------


class _Cache:
    """The newest used frames of all runs, as many as `CACHE_BYTES` hold. Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, int, float], Values] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[str, int, float]) -> Values | None:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: tuple[str, int, float], values: Values) -> None:
        with self._lock:
            if key in self._held:
                return
            self._held[key] = values
            self._bytes += values.nbytes
            while self._bytes > CACHE_BYTES:
                self._bytes -= self._held.popitem(last=False)[1].nbytes


_cache = _Cache()


def values_at(snapshot: Snapshot, epoch: int) -> Values:
    """What each training image had at an epoch that is done; in half precision, three digits.

    Raises:
        CorruptRunError, StoreError: The epoch's frame is damaged or gone.
    """
    # A resumed run may train an epoch anew; its seconds then differ.
    key = (snapshot.run_id, epoch, snapshot.epochs[epoch - 1].seconds)
    values = _cache.get(key)
    if values is None:
        values = _values_of(snapshot.folder.frame(epoch))
        _cache.put(key, values)
    return values


def _values_of(frame: Frame) -> Values:
    made = np.full((len(frame.ce_student), len(COLUMNS)), np.nan, dtype=np.float16)
    pairs = ((0, frame.weights), (4, frame.influence))
    for start, pair in pairs:
        if pair is not None:
            made[:, start : start + 2] = np.clip(pair, -_LARGEST, _LARGEST)
    made[:, 2] = np.minimum(frame.ce_student, _LARGEST)
    if frame.ce_teacher is not None:
        made[:, 3] = np.minimum(frame.ce_teacher, _LARGEST)
    if frame.student_top is not None:
        made[:, 6] = frame.student_top[:, 0]
    return made


class History(NamedTuple):
    """One picture over the epochs 1, 1 + every, 1 + 2·every and so on."""

    every: int
    values: Values  # [epochs, 7]

    def line(self, column: str) -> list[float] | None:
        """The values of one column; None where the method has none."""
        line = self.values[:, COLUMNS.index(column)].astype(np.float64)
        return None if np.isnan(line).all() else line.tolist()

    def at(self, epoch: int) -> dict[str, float]:
        """What it had at an epoch (the last one drawn before it), by column; without NaN."""
        row = self.values[(epoch - 1) // self.every]
        return {
            name: float(value) for name, value in zip(COLUMNS, row, strict=True) if value == value
        }


def history(snapshot: Snapshot, row: int) -> History:
    """One training image over all epochs that are done.

    Raises:
        CorruptRunError, StoreError: A frame is damaged or gone.
    """
    done = len(snapshot.epochs)
    every = -(-done // MAX_POINTS)
    epochs = range(1, done + 1, max(every, 1))
    return History(every, np.stack([values_at(snapshot, epoch)[row] for epoch in epochs]))


# Pictures for the browser ------------------------------------------------------------------------


def data_uris(
    dataset: str, indices: Sequence[int], data_dir: Path, *, is_exact: bool = False
) -> list[str]:
    """Each picture as an image's data URI, in its own size.

    Photographs lose a little unless `is_exact`: at the size of a gallery no eye sees it, and a
    poll carries a quarter of the bytes.

    Raises:
        PicturesUnavailable: The data set is not on this machine; the message says how to get it.
    """
    return [_data_uri(dataset, index, data_dir, is_exact) for index in indices]


@lru_cache(maxsize=8192)
def _data_uri(dataset: str, index: int, data_dir: Path, is_exact: bool) -> str:
    picture = load_pictures(dataset, [index], data_dir)[0]
    is_grey = picture.shape[-1] == 1
    name: Literal["png", "webp"] = "png" if is_grey or is_exact else "webp"
    content = encoded(picture, name)
    return f"data:image/{name};base64,{base64.b64encode(content).decode('ascii')}"


def encoded(picture: NDArray[np.uint8], name: Literal["png", "webp"]) -> bytes:
    """An image file of [H, W, 1] grey or [H, W, 3] red, green, blue."""
    file = io.BytesIO()
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    image.save(file, name, quality=85, method=4)
    return file.getvalue()
