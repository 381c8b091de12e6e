"""Runs whose D_val is altered: the teacher, the warning, and what is measured on it."""

import numpy as np
import pytest

from bikd_core.control import Control
from bikd_core.data.long_tail import load_split
from bikd_core.events import ClassBiasesFitted, EpochDone, RunStarted, TeacherEpochDone
from bikd_core.teachers.folds import split_without
from bikd_core.training import Training
from tests.training.test_training import after_epoch, comparable


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize(
    "altered",
    [
        {"val_from": "train"},
        {"val_label_noise": 1.0, "val_imbalance_factor": 5.0, "val_corruption": "blur"},
    ],
    ids=str,
)
def test_a_run_finds_the_teacher_of_its_d_tr_and_says_where_d_val_is_from(run, digits, altered):
    plain, found = (run(digits.changed(epochs=1, **values)) for values in ({}, altered))
    assert not of(TeacherEpochDone, found)
    [started], [before] = of(RunStarted, found), of(RunStarted, plain)
    assert started.teacher == before.teacher != ""
    assert started.teacher_accuracy_per_class == before.teacher_accuracy_per_class
    assert started.data_fingerprint != before.data_fingerprint
    is_copied = "val_from" in altered
    assert [w.startswith("D_val is") for w in started.warnings] == [True] * is_copied
    if is_copied:
        assert f"{started.num_val} copies of training images" in started.warnings[0]
        assert "student and its teacher learn from them too" in started.warnings[0]


def test_a_run_without_a_weight_net_differs_in_what_is_measured_on_d_val_alone(run, digits):
    kd = digits.changed(method="kd", epochs=2)
    plain, found = (of(EpochDone, run(c)) for c in (kd, kd.changed(val_label_noise=1.0)))
    for before, after in zip(plain, found, strict=True):
        assert after.test_loss == before.test_loss
        assert after.train_weighted_loss == before.train_weighted_loss
        assert after.accuracy_per_class == before.accuracy_per_class
        assert after.val_loss != before.val_loss


def test_a_d_val_without_some_labels_is_measured_by_those_that_it_has(run, digits):
    config = digits.changed(method="ce", val_per_class=1, val_label_noise=1.0, epochs=2)
    events = run(config)
    [biases] = of(ClassBiasesFitted, events)
    assert biases.num_val == 10
    assert biases.val_loss is biases.val_accuracy is None
    assert np.isfinite(biases.biases).all()
    assert all(0 <= done.val_accuracy <= 1 for done in of(EpochDone, events))


def test_a_fold_of_d_tr_leaves_d_val_a_copy(digits, places):
    split = load_split(digits.changed(val_from="train").data, places.data)
    assert split_without(split, 5, 0, 0).is_val_from_train


@pytest.mark.parametrize("used", ["random", "shuffled"])
def test_a_run_with_drawn_weights_resumes_as_if_it_had_not_stopped(
    digits, places, stored_teacher, used
):
    config = digits.changed(weights_used=used, inner_steps=2)
    whole = list(Training(config, Control(), places))
    training = Training(config, Control(), places)
    next(event for event in training if isinstance(event, EpochDone))
    state = training.state()
    assert "generator.weights_used" in state.tensors
    resumed = list(Training(config, Control(), places, state=state))
    assert comparable(resumed)[2:] == after_epoch(1, whole)


def test_a_checkpoint_of_learned_weights_is_what_it_was(digits, places, stored_teacher):
    training = Training(digits.changed(epochs=1), Control(), places)
    list(training)
    names = {n for n in training.state().tensors if n.startswith("generator.")}
    assert "generator.weights_used" not in names
    assert {"generator.student", "generator.weight_net"} <= names
