"""The picture of the first page: both weights of each class, epoch by epoch, and the rare ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from app.figures.classes import Rows, rows_of
from app.figures.drawing import Kind, percent
from app.figures.weight_axis import weight_axis_of
from app.figures.weights import KINDS, means_of
from bikd_core.events import EpochDone, RunStarted

_NEARLY_THE_SAME = 0.05  # between the classes' lowest and highest mean weight
NUM_RARE = 3  # classes whose accuracy stands beside the picture


class Playing(NamedTuple):
    """Numbers of every epoch of a run; classes from frequent to rare."""

    title: str  # the question that it answers
    intro: str  # what is looked at
    sentence: str  # the answer, computed
    alt: str
    names: tuple[str, ...]
    counts: tuple[int, ...]  # training images
    hard: list[list[float]]  # mean w_hard by epoch and class
    soft: list[list[float]]
    rare: list[float]  # mean accuracy of the rarest classes by epoch, as a fraction
    rival: str  # the same accuracy of another run, in words; "" without one


PLAYING_QUESTION = "Whom should a student believe: the label or the teacher?"
_INTRO = (
    "A small network, the student, learns from labels and from a larger network, the teacher. Some "
    "classes are rare. A third one, the tiny weight net, learns how much each of the two should "
    "count for every picture."
)


def playing(
    started: RunStarted, epochs: Sequence[EpochDone], rival: tuple[str, EpochDone] | None = None
) -> Playing:
    """Return what the moving picture needs of a run whose method weighs both losses.

    Args:
        started: Names and counts of the classes.
        epochs: All epochs of the run.
        rival: What another run on the same pictures does, in words, and its last epoch.
    """
    rows = rows_of(started.class_names, started.class_counts)
    hard, soft = (
        [[round(mean, 3) for mean in weights_by_class(epoch, kind, rows)] for epoch in epochs]
        for kind in KINDS
    )
    rare = [round(_accuracy_of_rare(epoch, rows), 4) for epoch in epochs]
    against = ""
    if rival is not None:
        accuracy = percent(_accuracy_of_rare(rival[1], rows)).replace(" ", "\N{NO-BREAK SPACE}")
        against = f"With {rival[0]}: {accuracy}"
    sentence = read_weights(hard[-1], soft[-1], rows)
    alt = (
        f"Bars of the mean weight of label and teacher in {len(rows.labels)} classes, from "
        f"{rows.counts[0]:,} training pictures to {rows.counts[-1]:,}, over {len(epochs)} epochs. "
        f"{sentence} The {NUM_RARE} rarest classes: {percent(rare[0])} right after epoch 1, "
        f"{percent(rare[-1])} after epoch {len(epochs)}."
    )
    return Playing(
        title=PLAYING_QUESTION,
        intro=_INTRO,
        sentence=sentence,
        alt=alt,
        names=rows.names,
        counts=rows.counts,
        hard=hard,
        soft=soft,
        rare=rare,
        rival=against,
    )


def weights_by_class(epoch: EpochDone, kind: Kind, rows: Rows) -> list[float]:
    """Return the mean weights of an epoch, from frequent to rare classes.

    Raises:
        ValueError: The method has no such weights.
    """
    means = means_of(epoch, kind)
    return [means[label] for label in rows.labels]


def _accuracy_of_rare(epoch: EpochDone, rows: Rows) -> float:
    return float(np.mean([epoch.accuracy_per_class[label] for label in rows.labels[-NUM_RARE:]]))


def read_weights(hard: Sequence[float], soft: Sequence[float], rows: Rows) -> str:
    """Return what the weights say of rare classes, head to tail, against teacher and head."""
    label, teacher = (float(np.mean(values[-NUM_RARE:])) for values in (hard, soft))
    frequent = float(np.mean(hard[:NUM_RARE]))
    if rows.are_level:
        return f"No class is rare: {_read_level(hard, soft)}."
    against = (
        f"{_compared(label, teacher)} what the teacher says ({teacher:.2f})",
        f"{_compared(label, frequent)} the labels of frequent ones ({frequent:.2f})",
    )
    return f"Rare classes: their labels ({label:.2f}) come to count {' and '.join(against)}."


def read_multiples(hard: Sequence[float], soft: Sequence[float], rows: Rows) -> str:
    """Return the same of weights that are multiples of what an objective itself gives."""
    word = weight_axis_of("relative").word
    if rows.are_level:
        ends = [f"{word(min(means))} to {word(max(means))}" for means in (hard, soft)]
        return (
            f"No class is rare: labels count {ends[0]} what the objective gives them, by class, "
            f"and the teacher {ends[1]}."
        )
    (label, teacher), frequent = (
        [word(float(np.mean(values[-NUM_RARE:]))) for values in (hard, soft)],
        word(float(np.mean(hard[:NUM_RARE]))),
    )
    return (
        f"Rare classes: their labels come to count {label} what the objective gives them, and "
        f"what the teacher says {teacher}; the labels of frequent ones {frequent}."
    )


def _read_level(hard: Sequence[float], soft: Sequence[float]) -> str:
    """Return the mean weights of all classes, and how far the classes lie apart."""
    label, teacher = (
        f"{name} {np.mean(means):.2f}"
        for name, means in (("labels count", hard), ("the teacher", soft))
    )
    if all(max(means) - min(means) < _NEARLY_THE_SAME for means in (hard, soft)):
        return f"{label} and {teacher}, nearly the same in every class"
    label, teacher = (
        f"{words} ({min(means):.2f} to {max(means):.2f} by class)"
        for words, means in ((label, hard), (teacher, soft))
    )
    return f"{label} and {teacher}"


def _compared(value: float, other: float) -> str:
    if round(value, 2) == round(other, 2):
        return "as much as"
    return "more than" if value > other else "less than"
