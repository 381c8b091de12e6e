"""The benchmark of wrong labels, on frames written by hand."""

import numpy as np
import pytest

from bikd_core.bench.mislabelled import (
    RUNS,
    SHARES,
    Recorded,
    confident,
    config_of,
    summary,
    ways,
)
from bikd_core.events import BELIEF_UNIT, Frame, Panel

LABELS = np.array([0, 0, 0, 1, 1, 1], np.int16)
TRUE = np.array([0, 0, 1, 1, 1, 1], np.int16)  # the third one is wrong
LOSSES = np.array([0.1, 0.2, 3.0, 0.1, 0.3, 0.2], np.float32)


def frame(**arrays) -> Frame:
    """A frame in which the third image looks wrong to student and teacher."""
    own = np.exp(-LOSSES)
    top = np.where(own > 0.5, LABELS, 1 - LABELS)
    belief = np.maximum(own, 1 - own)
    values = {
        "ce_student": LOSSES,
        "ce_teacher": LOSSES,
        "weights": np.full((6, 2), 0.5, np.float16),
        "influence": np.stack([-LOSSES, LOSSES], axis=1),
        "teacher_top": np.stack([top, 1 - top], axis=1).astype(np.uint8),
        "teacher_belief": np.round(np.stack([belief, 1 - belief], axis=1) * BELIEF_UNIT).astype(
            np.uint8
        ),
    }
    return Frame(epoch=1, confusion=np.zeros((2, 2), np.int32), **values | arrays)


def recorded(**arrays) -> Recorded:
    panel = Panel(labels=LABELS, original_indices=np.arange(6, dtype=np.int32), true_labels=TRUE)
    return Recorded(panel, (frame(**arrays),))


def test_confident_learning_lists_the_label_that_the_teacher_takes_for_another():
    assert confident(frame(), LABELS).tolist() == [False, False, True, False, False, False]


def test_each_way_is_judged_by_the_planted_wrong_labels():
    low = np.full((6, 2), 0.5, np.float16)
    low[2] = 0.1
    liked = np.full((6, 2), -1.0, np.float32)
    liked[2] = 1.0
    runs = {
        "ce": recorded(),
        "bikd": recorded(),
        "relative": recorded(weights=low, influence=liked),
    }
    found = ways(runs)
    assert found["cross-entropy of a plain CE run"].auc == 1
    teacher = found["out-of-fold teacher's confidence"]
    assert (teacher.listed, teacher.precision, teacher.recall) == (1, 1, 1)
    ours = found["BiKD, relative, out-of-fold inputs: both"]
    assert (ours.auc, ours.at_as_many, ours.listed, ours.recall) == (1, 1, 1, 1)
    blind = found["BiKD as published: both"]
    assert (blind.listed, blind.precision, blind.recall) == (0, None, 0)
    rows = summary(0.05, [found, found])
    assert [row["way"] for row in rows] == list(found)
    assert rows[0]["auc"] == "100.0 ± 0.0"
    assert rows[-1]["splits"] == 2


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", RUNS)
def test_each_of_its_runs_is_possible(name, share):
    config = config_of(name, share, 3)
    assert (config.data.label_noise, config.data.split_seed) == (share, 3)
