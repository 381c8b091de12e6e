"""What a toy shows, in words and numbers: a line for each class, its state, and what one sees."""

from __future__ import annotations

import base64
import math
from typing import NamedTuple

import numpy as np

from bikd_core.toy.pipe import NO_WEIGHT, Frame
from bikd_core.toy.plane import CLASSES, Method, Task, doubts


class ClassLine(NamedTuple):
    """One class of a toy; None where there is nothing to say yet."""

    name: str
    num_train: int
    student: float | None  # share of new points that it is right about
    teacher: float | None
    w_hard: float | None  # mean over the training points
    w_soft: float | None


def class_lines(frame: Frame) -> list[ClassLine]:
    """Return a line for each class, from frequent to rare."""
    labels = np.frombuffer(base64.b64decode(frame.labels), "u1")[: frame.num_train]
    weights = np.frombuffer(base64.b64decode(frame.weights), "u1").reshape(-1, 2) / 254
    is_known = weights[:, 0] < NO_WEIGHT / 254
    lines = []
    for label, name in enumerate(CLASSES):
        own = weights[is_known & (labels == label)]
        hard, soft = own.mean(axis=0).tolist() if len(own) else (None, None)
        count = int((labels == label).sum())
        lines.append(
            ClassLine(
                name,
                count,
                frame.student_accuracy[label] if frame.student_accuracy else None,
                frame.teacher_accuracy[label] if frame.teacher_accuracy else None,
                hard,
                soft,
            )
        )
    return lines


def state_of(frame: Frame) -> str:
    """Return what a toy is doing."""
    match frame.phase:
        case "starting":
            return "starting …"
        case "teacher":
            return "the teacher learns first …"
        case "empty":
            return "no point to learn from"
        case "resting":
            return f"epoch {frame.epoch} · at rest"
        case "paused":
            return f"epoch {frame.epoch} · paused"
        case "student":
            return f"epoch {frame.epoch}"


def sentence(method: Method, lines: list[ClassLine]) -> str:
    """Return what one sees, in one or two sentences; "" while there is nothing to say."""
    common, rare = lines[0], lines[-1]
    if rare.student is None or rare.teacher is None or common.w_hard is None:
        return ""
    right = (
        f"Of new rare points the student gets {_percent(rare.student)} right, "
        f"the teacher {_percent(rare.teacher)}."
    )
    if method == "ce":
        return f"CE: every label counts the same, and nobody asks the teacher. {right}"
    if method == "kd":
        return f"KD: label and teacher count one half each, for every point. {right}"
    if rare.w_hard is None or common.num_train == 0:
        return right
    return f"{_comparison(common.w_hard, rare.w_hard)} {right}"


def _comparison(common: float, rare: float) -> str:
    """Return how the mean hard weights of rare and frequent points compare."""
    numbers = f"{rare:.2f} against {common:.2f}"
    if math.isclose(rare, common, abs_tol=0.03):
        return f"The labels of rare and frequent points count about the same: {numbers}."
    word = "more" if rare > common else "less"
    return f"The labels of rare points count {word} than those of frequent ones: {numbers}."


def notes(frame: Frame, task: Task, *others: str) -> list[str]:
    """Return the sentences that a visitor should know, without those that are empty."""
    rests = (
        "It rests, because nothing was changed for a while: change something, or press Restart."
        if frame.phase == "resting"
        else ""
    )
    found = [*others, frame.problem, *doubts(task), rests]
    return [text for text in found if text]


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"
