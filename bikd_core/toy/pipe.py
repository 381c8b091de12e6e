"""What passes between a server and the child process that trains the toys.

One JSON object a line each way, validated where it is read: `Look` and `Question` to the child,
`Frame`, `Refused` and `Answer` from it. G×G points of the ground, N training points, M points of
D_val, C classes.
"""

from __future__ import annotations

import base64
from functools import cache
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from bikd_core.toy.plane import Point, Task

GRID = 40  # G
NO_WEIGHT = 255  # of a point that has not been trained on yet
Phase = Literal["starting", "teacher", "student", "resting", "paused", "empty"]


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Look(_Line):
    """Somebody looks at a toy: train it by this task, and send frames."""

    kind: Literal["look"] = "look"
    toy: str = Field(min_length=1, max_length=80)
    task: Task


class Question(_Line):
    """What do the lesson's networks say about a picture: a drawing, or one of the test set?"""

    kind: Literal["question"] = "question"
    toy: str = Field(min_length=1, max_length=80)
    number: int = 0  # comes back with the answer
    pixels: tuple[Annotated[int, Field(ge=0, le=16)], ...] = Field((), max_length=64)  # row by row
    picture: int | None = None  # of the test set; None: the pixels, 64 of them


class Frame(_Line):
    """A toy as it stands, with its arrays as base64 of little-endian bytes."""

    kind: Literal["frame"] = "frame"
    toy: str
    last_edit: int  # of the task that it shows
    num_epochs_asked: int
    phase: Phase
    epoch: int  # of the student
    student: str  # uint8 [C - 1, G, G]: probabilities of all classes but the last, in 255ths
    teacher: str
    ids: str  # int32 [N + M], D_val's last
    labels: str  # uint8 [N + M]
    places: str  # int16 [N + M, 2], in 32767ths
    num_train: int  # N
    weights: str  # uint8 [N, 2]: w_hard and w_soft in 254ths, or `NO_WEIGHT`
    student_accuracy: tuple[float, ...] = ()  # (C,), on new points
    teacher_accuracy: tuple[float, ...] = ()
    problem: str = ""


class Refused(_Line):
    """A toy is not trained, for this reason."""

    kind: Literal["refused"] = "refused"
    toy: str
    reason: str


class Answer(_Line):
    """What the lesson's networks say about a picture; C classes, S×S points of the surface."""

    kind: Literal["answer"] = "answer"
    toy: str
    number: int
    pixels: tuple[int, ...]  # 64, of 255
    label: int | None  # of a test picture
    student: tuple[float, ...]  # (C,), probabilities
    teacher: tuple[float, ...]
    losses: tuple[tuple[float, float], ...]  # (C, 2): student's and teacher's, by label
    weights: tuple[tuple[float, float], ...]  # (C, 2): w_hard and w_soft, by label
    surface: str  # uint8 [2, S, S], in 254ths: teacher's loss by student's, as in a run's frames


Command = Look | Question
Reply = Frame | Refused | Answer


def to_line(message: Command | Reply) -> bytes:
    """Return a message as one line of JSON."""
    return message.model_dump_json().encode() + b"\n"


def read_command(line: bytes) -> Command:
    """Return the command of one line.

    Raises:
        ValueError: The line is not a command.
    """
    command: Command = _commands().validate_json(line)
    return command


def read_reply(line: bytes) -> Reply:
    """Return the reply of one line.

    Raises:
        ValueError: The line is not a reply.
    """
    reply: Reply = _replies().validate_json(line)
    return reply


@cache
def _commands() -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[Command, Field(discriminator="kind")])


@cache
def _replies() -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[Reply, Field(discriminator="kind")])


def packed(values: NDArray[Any], dtype: str) -> str:
    """Return an array, (N,) or (N, K), as base64 of its values in a type such as "<i2"."""
    return base64.b64encode(np.ascontiguousarray(values).astype(dtype).tobytes()).decode("ascii")


def packed_points(task: Task) -> dict[str, Any]:
    """Return the fields of a frame that hold the points of a task."""
    points: tuple[Point, ...] = (*task.train, *task.val)
    table = np.array(points, dtype=float).reshape(-1, 4)
    return {
        "last_edit": task.last_edit,
        "num_epochs_asked": task.num_epochs_asked,
        "num_train": len(task.train),
        "ids": packed(table[:, 0], "<i4"),
        "labels": packed(table[:, 1], "u1"),
        "places": packed((32767 * table[:, 2:]).round(), "<i2"),
    }


def opening_frame(toy: str, task: Task) -> Frame:
    """Return what can be shown before the child has answered: the points alone."""
    none = np.full((len(task.train), 2), NO_WEIGHT)
    return Frame(
        toy=toy,
        phase="starting",
        epoch=0,
        student="",
        teacher="",
        weights=packed(none, "u1"),
        **packed_points(task),
    )
