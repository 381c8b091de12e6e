"""The plane of a toy: its three classes of points, and what may be done to them. No torch.

N training points, M points of D_val. Coordinates are in [-1, 1]. The same points always come from
the same seed, and a larger imbalance factor only removes some of them.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bikd_core.data.counts import long_tail_counts

CLASSES = ("frequent", "middle", "rare")
HEAD_COUNT = 120  # training points of the frequent class
VAL_PER_CLASS = 10
TEST_PER_CLASS = 300
MAX_FACTOR = 60
MAX_POINTS = 400  # in training: more would slow the toys of others
_SEED = 5  # chosen, with the arms' shape, so that weights make a difference that is seen
_VAL_IDS, _ADDED_IDS = 10_000, 20_000  # ids from there on

Method = Literal["bikd", "kd", "ce"]
#: Id, class, x and y of a point.
Point = tuple[int, int, float, float]


def draw(part: Literal["train", "val", "test"], label: int, count: int) -> NDArray[np.float64]:
    """Return the first points of a class, [N, 2]: an arm of a pinwheel that overlaps the others."""
    number = ("train", "val", "test").index(part)
    away, across = np.random.default_rng([_SEED, number, label]).normal(size=(2, 1000))[:, :count]
    away, across = 0.36 + 0.24 * away, 0.23 * across
    angle = 2 * math.pi * label / len(CLASSES) + 1.2 * away + 0.5
    x = away * np.cos(angle) - across * np.sin(angle)
    y = away * np.sin(angle) + across * np.cos(angle)
    return np.stack([x, y], axis=1).clip(-0.98, 0.98)


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Task(_Line):
    """What a toy trains on and how, whole: the child needs nothing else."""

    last_edit: int = 0  # number of the last edit that it includes
    method: Method = "bikd"
    train: tuple[Point, ...]
    val: tuple[Point, ...]
    beginning: int = 0  # another number: training begins anew
    is_paused: bool = False
    num_epochs_asked: int = 0  # while paused, in all


class _Edit(_Line):
    number: int = Field(ge=1)


class Move(_Edit):
    """Move a point."""

    kind: Literal["move"]
    id: int
    x: float
    y: float


class Drop(_Edit):
    """Drop a training point."""

    kind: Literal["drop"]
    id: int


class Add(_Edit):
    """Add a training point."""

    kind: Literal["add"]
    label: int = Field(ge=0, lt=len(CLASSES))
    x: float
    y: float


class SetMethod(_Edit):
    """Train by another method, from the beginning."""

    kind: Literal["method"]
    value: Method


class SetFactor(_Edit):
    """Set the imbalance factor."""

    kind: Literal["factor"]
    value: float


class Press(_Edit):
    """Press a button: restart trains anew; reset also takes all edits of points back."""

    kind: Literal["pause", "play", "epoch", "restart", "reset"]


Edit = Annotated[
    Move | Drop | Add | SetMethod | SetFactor | Press,
    Field(discriminator="kind"),
]


@cache
def _edits() -> TypeAdapter[Any]:
    return TypeAdapter(Edit)


class Plane:
    """The points and settings of one visitor's toy.

    Args:
        method: The method at first.
        factor: The imbalance factor at first.
        is_paused: Whether it waits for its visitor to begin.
    """

    def __init__(
        self, method: Method = "bikd", factor: float = 20, *, is_paused: bool = False
    ) -> None:
        self.method: Method = method
        self.factor = factor
        self.is_paused = is_paused
        self.last_edit = 0
        self.complaint = ""  # about the last edit
        self._beginning = self._num_epochs_asked = self._num_added = 0
        self._forget_points()

    def _forget_points(self) -> None:
        self._moved: dict[int, tuple[float, float]] = {}
        self._dropped: set[int] = set()
        self._added: dict[int, Point] = {}

    def take(self, sent: object) -> None:
        """Apply what a browser sent, which may be anything: edits with rising numbers.

        Edits that were taken before are left out. An edit that is not possible changes nothing,
        or is brought into range; `complaint` says so.
        """
        given = sent if isinstance(sent, list) else []
        for entry in given:
            try:
                edit = _edits().validate_python(entry)
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(map(str, first["loc"])) or "it"
                self.complaint = f"A change could not be read: {where}: {first['msg']}."
                continue
            if edit.number > self.last_edit:
                self.last_edit, self.complaint = edit.number, ""
                self._apply(edit)

    def _apply(self, edit: Any) -> None:
        match edit:
            case Move():
                self._move(edit.id, self._inside(edit.x, edit.y))
            case Drop():
                self._drop(edit.id)
            case Add():
                self._add(edit.label, self._inside(edit.x, edit.y))
            case SetMethod():
                self.method = edit.value
                self._beginning += 1
            case SetFactor():
                self._set_factor(edit.value)
            case Press():
                self._press(edit.kind)

    def _press(self, kind: str) -> None:
        match kind:
            case "pause" | "play":
                self.is_paused = kind == "pause"
            case "epoch":
                self._num_epochs_asked += 1
            case "restart" | "reset":
                self._beginning += 1
                if kind == "reset":
                    self._forget_points()

    def _inside(self, x: float, y: float) -> tuple[float, float]:
        for name, value in (("x", x), ("y", y)):
            if abs(value) > 1:
                self.complaint = (
                    f"{name} = {value:.4g} is outside the plane, which goes from −1 to 1: "
                    "the point stays at its edge."
                )
        return min(max(x, -1.0), 1.0), min(max(y, -1.0), 1.0)

    def _move(self, which: int, to: tuple[float, float]) -> None:
        if which not in {point[0] for point in (*self._train(), *self._val())}:
            self.complaint = f"Point {which} is no longer on the plane, so it was not moved."
            return
        self._moved[which] = to

    def _drop(self, which: int) -> None:
        if _VAL_IDS <= which < _ADDED_IDS:
            self.complaint = "D_val's points can be moved, but not dropped."
            return
        self._dropped.add(which)
        self._added.pop(which, None)

    def _add(self, label: int, at: tuple[float, float]) -> None:
        if len(self._train()) >= MAX_POINTS:
            self.complaint = f"There are {MAX_POINTS} points, as many as a toy takes: drop some."
            return
        which = _ADDED_IDS + self._num_added
        self._num_added += 1
        self._added[which] = (which, label, *at)

    def _set_factor(self, value: float) -> None:
        self.factor = min(max(value, 1.0), float(MAX_FACTOR))
        if self.factor != value:
            self.complaint = (
                f"imbalance factor = {value:g} is not possible: it must be from 1 to {MAX_FACTOR}; "
                f"{self.factor:g} is used."
            )

    @property
    def task(self) -> Task:
        """What to train on now."""
        return Task(
            last_edit=self.last_edit,
            method=self.method,
            train=tuple(self._train()),
            val=tuple(self._val()),
            beginning=self._beginning,
            is_paused=self.is_paused,
            num_epochs_asked=self._num_epochs_asked,
        )

    def _train(self) -> list[Point]:
        counts = long_tail_counts(len(CLASSES), HEAD_COUNT, self.factor)
        own = [
            self._placed(1000 * label + number, label, *at)
            for label, count in enumerate(counts)
            for number, at in enumerate(_places("train", label)[:count])
        ]
        added = [self._placed(*point) for point in self._added.values()]
        return [point for point in own + added if point[0] not in self._dropped]

    def _val(self) -> list[Point]:
        return [
            self._placed(_VAL_IDS + 1000 * label + number, label, *at)
            for label in range(len(CLASSES))
            for number, at in enumerate(_places("val", label)[:VAL_PER_CLASS])
        ]

    def _placed(self, which: int, label: int, x: float, y: float) -> Point:
        return (which, label, *self._moved.get(which, (x, y)))


@cache
def _places(part: Literal["train", "val"], label: int) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in draw(part, label, HEAD_COUNT).round(4))


def doubts(task: Task) -> list[str]:
    """Return a sentence for each thing on the plane that keeps a toy from learning."""
    if not task.train:
        return ["No training point is left: add some, or press Reset."]
    found = []
    seen = {point[1] for point in task.train}
    for label in set(range(len(CLASSES))) - seen:
        found.append(
            f"The {CLASSES[label]} class has no training point left: the student cannot learn it."
        )
    if len({point[2:] for point in task.val}) == 1:
        found.append(
            "All points of D_val lie on one spot: it cannot tell the classes apart, so the "
            "weights follow nothing."
        )
    return found
