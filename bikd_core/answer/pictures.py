"""Which pictures one method gains over another, and how one's weights lie, over runs of both.

Test pictures are put in bins by the teacher's margin: how much more it believes in the true class
than in any other. It is the same teacher for both methods, and neither is judged by its own noise.
Where training labels are wrong, it also says what both answer instead of the true class, and
whether the weights know the wrong labels.

N test pictures, C classes, S seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from bikd_core.answer import wrong_labels
from bikd_core.calibration import ClassBiases
from bikd_core.config import ConfigError, RunConfig
from bikd_core.evaluation import ShotGroups, shot_groups
from bikd_core.events import ClassBiasesFitted, Frame, Panel, RunStarted
from bikd_core.places import Places
from bikd_core.store import RunFolder, list_runs
from bikd_core.students.network import Loaded, load_student
from bikd_core.studies.answer import interval
from bikd_core.studies.entries import Entry, read_entry
from bikd_core.studies.splits import split_controls
from bikd_core.teachers.files import load_teacher

MARGINS = (-1.0, -0.5, 0.0, 0.5, 1.0)  # ends of the bins
Row = dict[str, Any]


class Judged(NamedTuple):
    """Both students on the test pictures of one split."""

    own: NDArray[np.bool_]  # (N,), whether it is right
    rival: NDArray[np.bool_]  # (N,)
    own_next: NDArray[np.bool_]  # (N,), whether it answers with the class after the true one
    rival_next: NDArray[np.bool_]  # (N,)
    margins: NDArray[np.float64]  # (N,), the teacher's, in -1 … 1
    groups: NDArray[np.int64]  # (N,), places in `ShotGroups`


def result(
    base: RunConfig, own: str, rival: str, seeds: Sequence[int], runs: Path, places: Places
) -> dict[str, Any]:
    """Return what moved between two methods, and how the first one's weights lie.

    Args:
        base: What both have in common, in the splits' protocol of an answer.
        own: A method as `bikd compare` takes it; without a weight net its `weights` are empty.
        rival: Another one, with a teacher.
        seeds: Each has a split of its own.
        runs: Holds a finished run of both for each seed.
        places: Where data sets and teachers lie.

    Raises:
        ConfigError: The rival has no teacher, or a run is missing.
    """
    entries = [read_entry(entry, base.flat()) for entry in (own, rival)]
    has_biases = [entry.calibration == "class_biases" for entry in entries]
    if not entries[1].config(base, seeds[0]).method.facts.needs_teacher:
        raise ConfigError(f"rival = {rival[:300]!r} is not possible: it must have a teacher.")
    by_config = {folder.record().config: folder for folder in list_runs(runs)}
    judged, weights = [], []
    for seed in seeds:
        folders = [_run(by_config, base, entry, seed) for entry in entries]
        judged.append(_judge(folders, has_biases, places))
        panel, frame = folders[0].panel(), folders[0].frame(folders[0].frames_available[-1])
        weights.append(_spread_of_weights(panel, frame) | wrong_labels.ranks(panel, frame))
    is_next = base.data.label_noise > 0 and base.data.label_noise_kind == "pairs"
    return {
        "own": own,
        "rival": rival,
        "seeds": list(seeds),
        "by_margin": by_margin(judged),
        "by_group": by_group(judged),
        **({"by_answer": by_answer(judged)} if is_next else {}),
        "weights": {
            name: _in_short([row[name] for row in weights if name in row]) for name in weights[0]
        },
    }


def by_margin(judged: Sequence[Judged]) -> list[Row]:
    """Return a row for each bin of the teacher's margin, as `_moved` gives it."""
    bins = pairwise(MARGINS)
    return [
        {"low": low, "high": high}
        | _moved(
            judged, [(low <= one.margins) & (one.margins < high + (high == 1)) for one in judged]
        )
        for low, high in bins
    ]


def by_group(judged: Sequence[Judged]) -> list[Row]:
    """Return a row for many, medium and few, as `_moved` gives it."""
    return [
        {"group": group} | _moved(judged, [one.groups == number for one in judged])
        for number, group in enumerate(ShotGroups._fields)
    ]


def by_answer(judged: Sequence[Judged]) -> list[Row]:
    """Return how many of all test pictures get the right answer, the next class, and another one.

    Label noise of the kind `pairs` teaches the next class. `difference` is own - rival with its
    95 % interval over the splits.
    """

    def row(answer: str, pairs: Sequence[tuple[float, float]]) -> Row:
        own, rival = (fmean(side) for side in zip(*pairs, strict=True))
        difference = _in_short([one - other for one, other in pairs])
        return {"answer": answer, "own": own, "rival": rival, "difference": difference}

    right = [(one.own.mean(), one.rival.mean()) for one in judged]
    following = [(one.own_next.mean(), one.rival_next.mean()) for one in judged]
    other = [
        (1 - own - own_next, 1 - rival - rival_next)
        for (own, rival), (own_next, rival_next) in zip(right, following, strict=True)
    ]
    return [row("right", right), row("next class", following), row("another", other)]


def _moved(judged: Sequence[Judged], chosen: Sequence[NDArray[np.bool_]]) -> Row:
    """Return what became right and wrong among chosen pictures, in shares of all test pictures.

    `net` is gained - lost with its 95 % interval over the splits.
    """
    gained, lost, size = (np.zeros(len(judged)) for _ in range(3))
    for number, (one, mask) in enumerate(zip(judged, chosen, strict=True)):
        gained[number] = (one.own & ~one.rival & mask).mean()
        lost[number] = (~one.own & one.rival & mask).mean()
        size[number] = mask.mean()
    return {
        "pictures": float(size.mean()),
        "gained": float(gained.mean()),
        "lost": float(lost.mean()),
        "net": _in_short(list(gained - lost)),
    }


def _in_short(values: Sequence[float]) -> Row:
    found = interval([float(value) for value in values])
    return {"mean": found.mean, "low": found.low, "high": found.high}


# Reading the runs --------------------------------------------------------------------------------


def _run(
    by_config: Mapping[RunConfig, RunFolder], base: RunConfig, entry: Entry, seed: int
) -> RunFolder:
    config = entry.config(base, seed, **split_controls("follow", seed))
    if config not in by_config:
        raise ConfigError(
            f"The run of {entry.text} with seed {seed} is missing: `bikd compare` trains it."
        )
    return by_config[config]


def _judge(folders: Sequence[RunFolder], has_biases: Sequence[bool], places: Places) -> Judged:
    loaded = load_student(folders[0], places.data)
    test = loaded.split.test
    images, labels = test.images.float() / 255, test.labels
    students = [loaded, load_student(folders[1], places.data)]
    own, rival = (
        _scores(folder, one, images, biases).argmax(axis=1)
        for folder, one, biases in zip(folders, students, has_biases, strict=True)
    )
    believed = _teacher_logits(folders[1], loaded, images, places).double().softmax(dim=-1)
    in_true = believed.gather(1, labels[:, None])[:, 0]
    in_others = believed.scatter(1, labels[:, None], -1.0).amax(dim=1)
    num_classes = len(loaded.split.class_names)
    group_of = np.empty(num_classes, dtype=np.int64)
    for number, of_group in enumerate(shot_groups(loaded.split.class_counts)):
        group_of[list(of_group)] = number
    true = labels.numpy()
    following = (true + 1) % num_classes
    return Judged(
        own == true,
        rival == true,
        own == following,
        rival == following,
        (in_true - in_others).numpy(),
        group_of[true],
    )


def _scores(
    folder: RunFolder, loaded: Loaded, images: Tensor, has_biases: bool
) -> NDArray[np.float64]:
    with torch.no_grad():
        scores = loaded.student(images).double().numpy()
    if not has_biases:
        return np.asarray(scores)
    fitted = next(e for e in reversed(folder.events()) if isinstance(e, ClassBiasesFitted))
    return ClassBiases(np.array(fitted.biases), fitted.temperature).apply(scores)


def _teacher_logits(folder: RunFolder, loaded: Loaded, images: Tensor, places: Places) -> Tensor:
    config = folder.record().config
    started = next(event for event in folder.events() if isinstance(event, RunStarted))
    teacher = load_teacher(
        started.teacher, config.models.teacher_model, loaded.split, places.teacher_folders()
    )
    student = loaded.student
    with torch.no_grad():
        logits: Tensor = teacher.model((images - student.mean) / student.std)
    return logits


def _spread_of_weights(panel: Panel, frame: Frame) -> dict[str, float]:
    """Return how the weights of the last epoch lie between and within classes, for each loss.

    `between_classes` is the share of the variance of their logarithm that lies between the classes'
    means; `within_class_by_loss` is Spearman's correlation of weight and the student's
    cross-entropy within a class, the mean over classes of ten pictures or more.
    """
    if frame.weights is None:
        return {}
    labels = np.asarray(panel.labels)
    found = {}
    for kind, column in zip(("hard", "soft"), frame.weights.T.astype(np.float64), strict=True):
        logs = wrong_labels.logs_of(column)
        means = {label: logs[labels == label].mean() for label in np.unique(labels)}
        between = np.array([means[label] for label in labels])
        if logs.std() > 0:
            found[f"between_classes_{kind}"] = float(between.var() / logs.var())
        each = list(_within(labels, column, frame.ce_student))
        if each:
            found[f"within_class_by_loss_{kind}"] = fmean(each)
    return found


def _within(labels: NDArray[Any], weights: NDArray[Any], losses: NDArray[Any]) -> Iterable[float]:
    for label in np.unique(labels):
        mask = labels == label
        if mask.sum() >= 10 and np.ptp(weights[mask]) > 0:
            yield float(stats.spearmanr(weights[mask], losses[mask]).statistic)
