"""Which ranking finds wrong labels on digits: weights and influence, or their simplest rivals.

Each run has a split of its own. Teachers are of the student's size, so that five of them, each
without its fold, are trained in a minute. Nothing was tuned on these splits. N images of D_tr.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bikd_core.bench.report import Row
from bikd_core.config import RunConfig
from bikd_core.events import BELIEF_UNIT, Frame, Panel
from bikd_core.label_doubts import epochs_that_count, label_doubts
from bikd_core.places import Places
from bikd_core.studies.answer import in_percent, interval

SHARES = (0.05, 0.3)  # of the labels, drawn anew
TEACHER = {"teacher_model": "digits_cnn_s"}
RUNS: dict[str, dict[str, Any]] = {
    "ce": {"method": "ce"},
    "bikd": TEACHER | {"method": "bikd"},
    "relative": TEACHER
    | {
        "method": "bikd",
        "over": "prior_kd",
        "weight_scale": "relative",
        "teacher_folds": 5,
        "out_of_fold": "inputs",
    },
}
_BIKD = {"bikd": "BiKD as published", "relative": "BiKD, relative, out-of-fold inputs"}


class Recorded(NamedTuple):
    """What is kept of a run."""

    panel: Panel
    frames: tuple[Frame, ...]  # of the epochs that count


class Found(NamedTuple):
    """How well one way finds the wrong labels of one split."""

    auc: float  # of pairs of a right and a wrong label
    at_as_many: float  # precision, and recall, of as many as are wrong
    listed: int | None = None  # images on a list of its own; None: it has none
    precision: float | None = None  # of that list; None: it is empty
    recall: float | None = None


def measure(num_seeds: int, places: Places) -> list[Row]:
    """Return a row for each share of wrong labels and each way to find them."""
    import torch

    torch.set_num_threads(1)
    rows = []
    for share in SHARES:
        found = [
            ways({name: _record(config_of(name, share, seed), places) for name in RUNS})
            for seed in range(num_seeds)
        ]
        rows += summary(share, found)
    return rows


def config_of(name: str, share: float, seed: int) -> RunConfig:
    """Return the config of one of `RUNS` on the split of a seed, with wrong labels."""
    return RunConfig.from_flat(
        RUNS[name] | {"label_noise": share, "seed": seed, "split_seed": seed}
    )


def _record(config: RunConfig, places: Places) -> Recorded:
    from bikd_core.training import train

    wanted = epochs_that_count(config.training.epochs)
    panel, frames = None, []
    for event in train(config, places=places):
        if isinstance(event, Panel):
            panel = event
        elif isinstance(event, Frame) and event.epoch in wanted:
            frames.append(event)
    assert panel is not None  # each run begins with it
    return Recorded(panel, tuple(frames))


def ways(runs: dict[str, Recorded]) -> dict[str, Found]:
    """Return how well each way finds the wrong labels of one split, by its name."""
    panel = runs["ce"].panel
    is_wrong = panel.is_wrong
    assert is_wrong is not None  # label noise is planted
    out_of_fold = _mean(runs["relative"].frames, "ce_teacher")
    found = {
        "cross-entropy of a plain CE run": _found(_mean(runs["ce"].frames, "ce_student"), is_wrong),
        "out-of-fold teacher's confidence": _found(
            out_of_fold, is_wrong, confident(runs["relative"].frames[-1], panel.labels)
        ),
    }
    for name, words in _BIKD.items():
        frames = runs[name].frames
        doubts = label_doubts(_stacked(frames, "weights"), _stacked(frames, "influence"))
        influence = np.nan_to_num(doubts.influence, nan=-np.inf)
        found |= {
            f"{words}: low w_hard": _found(-doubts.weight, is_wrong),
            f"{words}: high influence": _found(influence, is_wrong),
            f"{words}: both": _found(doubts.scores, is_wrong, doubts.is_doubted),
        }
    return found


def _mean(frames: Sequence[Frame], name: str) -> NDArray[np.float64]:
    """Return the mean of a per-image array over the epochs, (N,)."""
    values = np.array([getattr(frame, name) for frame in frames], dtype=np.float64)
    return np.asarray(values.mean(axis=0))


def _stacked(frames: Sequence[Frame], name: str) -> NDArray[np.float64]:
    """Return the first column of an array of each epoch, (E, N)."""
    return np.array([getattr(frame, name)[:, 0] for frame in frames], dtype=np.float64)


def confident(frame: Frame, labels: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Return the images that confident learning lists, (N,), by an out-of-fold teacher.

    A class is possible for an image if its probability reaches the mean of those that the images
    with that label give to it; listed are the images whose most probable possible class is another
    than their label. Of an image's classes, those that the frame keeps are looked at.

    Source: Northcutt et al., Confident Learning, JAIR 2021 (arXiv 1911.00068), section 3.1.
    """
    assert frame.ce_teacher is not None  # its run has teachers
    assert frame.teacher_top is not None
    assert frame.teacher_belief is not None
    own = np.exp(-frame.ce_teacher.astype(np.float64))
    needed = np.full(int(labels.max()) + 1, np.inf)
    for label in np.unique(labels):
        needed[label] = own[labels == label].mean()
    classes = frame.teacher_top.astype(np.int64)
    beliefs = frame.teacher_belief / BELIEF_UNIT
    possible = np.where(beliefs >= needed[classes], beliefs, -1.0)
    best = possible.argmax(axis=1)
    rows = np.arange(len(labels))
    return np.asarray((possible[rows, best] > 0) & (classes[rows, best] != labels))


def _found(
    scores: NDArray[np.float64],
    is_wrong: NDArray[np.bool_],
    listed: NDArray[np.bool_] | None = None,
) -> Found:
    """Return how well scores (N,), larger for doubted labels, and a list (N,) find wrong ones."""
    order = np.argsort(-scores, kind="stable")
    num_wrong = int(is_wrong.sum())
    at_as_many = float(is_wrong[order[:num_wrong]].mean())
    wrong, right = scores[is_wrong], scores[~is_wrong]
    larger = (wrong[:, None] > right).mean() + (wrong[:, None] == right).mean() / 2
    if listed is None:
        return Found(float(larger), at_as_many)
    hits, length = int((listed & is_wrong).sum()), int(listed.sum())
    return Found(
        float(larger), at_as_many, length, hits / length if length else None, hits / num_wrong
    )


def summary(share: float, found: Sequence[dict[str, Found]]) -> list[Row]:
    """Return a row for each way, given what it found in each split: means, 95 % intervals."""
    return [_row(share, way, [one[way] for one in found]) for way in found[0]]


def _row(share: float, way: str, found: Sequence[Found]) -> Row:
    lengths = [one.listed for one in found if one.listed is not None]
    return {
        "wrong_labels": share,
        "way": way,
        "splits": len(found),
        "auc": _words(one.auc for one in found),
        "at_as_many_as_are_wrong": _words(one.at_as_many for one in found),
        "listed": f"{np.mean(lengths):.0f}" if lengths else "",
        "precision": _words(one.precision for one in found),
        "recall": _words(one.recall for one in found),
    }


def _words(values: Iterable[float | None]) -> str:
    """Return the mean of the known values in percent, with its interval where there are two."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return f"{100 * known[0]:.1f}" if known else ""
    return in_percent(interval(known))
