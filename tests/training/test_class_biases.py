"""Class biases at the end of a run: which images they are fitted to, and what is stored."""

import numpy as np
import pytest
import torch

from bikd_core.calibration import cross_fitted, fit_class_biases
from bikd_core.config import METHOD_FACTS
from bikd_core.control import Control
from bikd_core.data.batches import DeviceSet
from bikd_core.data.long_tail import load_split
from bikd_core.evaluation import shot_groups
from bikd_core.events import ClassBiasesFitted, EpochDone
from bikd_core.training import Training
from bikd_core.training.class_biases import class_biases
from bikd_core.training.loop import Loop
from tests.repeated import first_quick

pytestmark = pytest.mark.slow


def trained_loop(config, places):
    split = load_split(config.data, places.data)
    loop = Loop(config, split, None, torch.device("cpu"))
    for _ in range(config.training.epochs):
        list(loop.run_epoch(Control()))
    return loop, split


def test_the_accuracies_are_those_of_z_over_t_plus_b_on_the_test_set(places, digits):
    loop, split = trained_loop(digits.changed(method="ce", epochs=2), places)
    fitted = class_biases(loop)
    logits = loop.logits(loop.student, loop.test_set).astype(np.float64)
    predicted = (logits / fitted.temperature + np.array(fitted.biases)).argmax(axis=1)
    labels = split.test.labels.numpy()
    by_class = np.array([(predicted[labels == label] == label).mean() for label in range(10)])
    assert fitted.accuracy_per_class == pytest.approx(by_class)
    assert fitted.accuracy == pytest.approx(by_class.mean())
    groups = shot_groups(split.class_counts)
    assert fitted.accuracy_few == pytest.approx(by_class[list(groups.few)].mean())
    assert fitted.accuracy_many == pytest.approx(by_class[list(groups.many)].mean())
    assert (fitted.epoch, fitted.num_val) == (2, 100)
    assert sum(fitted.biases) == pytest.approx(0, abs=1e-9)


def test_they_are_fitted_to_what_the_method_predicts_from(places, digits):
    loop, split = trained_loop(digits.changed(method="logit_adjustment", epochs=1), places)
    logits = loop.logits(loop.student, loop.measured_set).astype(np.float64)
    counts = np.array(split.class_counts)
    adjusted = (logits - np.log(counts / counts.sum())).astype(np.float32)
    labels, fitted = split.val.labels.numpy(), class_biases(loop)
    expected = fit_class_biases(adjusted, labels)
    assert fitted.biases == pytest.approx(expected.biases, abs=1e-4)
    assert fitted.temperature == pytest.approx(expected.temperature, rel=1e-4)
    judged = cross_fitted(adjusted, labels)
    assert fitted.val_loss == pytest.approx(judged.loss, rel=1e-4)
    assert fitted.val_accuracy == pytest.approx(judged.accuracy)


@pytest.mark.parametrize("trained", first_quick(["batch", "no", "mixed"]))
def test_in_either_league_they_are_fitted_to_the_half_that_only_measures(places, digits, trained):
    config = digits.changed(method="ce", train_on_val=trained, hold_out_half=True, epochs=1)
    loop, split = trained_loop(config, places)
    measured = split.val[loop.feed.roles.measure]
    images = DeviceSet(measured, split, torch.device("cpu"))
    expected = fit_class_biases(loop.logits(loop.student, images), measured.labels.numpy())
    fitted = class_biases(loop)
    assert fitted.num_val == 50
    assert fitted.biases == pytest.approx(expected.biases, abs=1e-6)


@pytest.mark.parametrize("trained", first_quick(["batch", "mixed"]))
def test_where_all_of_d_val_is_trained_on_there_are_none(run, digits, trained):
    events = run(digits.changed(method="ce", train_on_val=trained, epochs=1))
    assert isinstance(events[-1], EpochDone)


@pytest.mark.parametrize("method", first_quick(["bikd", "ce", *METHOD_FACTS]))
def test_every_method_ends_with_class_biases(events_of, method):
    *earlier, last = events_of(method)
    assert isinstance(last, ClassBiasesFitted)
    assert last.epoch == earlier[-1].epoch == 3
    assert not any(isinstance(event, ClassBiasesFitted) for event in earlier)


def test_a_run_that_is_stopped_has_none_and_fits_them_when_it_is_resumed(places, digits, run):
    config = digits.changed(method="ce")
    control, events = Control(), []
    training = Training(config, control, places)
    for event in training:
        events.append(event)
        if isinstance(event, EpochDone) and event.epoch == 2:
            control.stop()
            state = training.state()
    assert not any(isinstance(event, ClassBiasesFitted) for event in events)
    assert run(config, state=state)[-1] == run(config)[-1]


def test_a_run_that_was_killed_after_its_last_epoch_fits_them_when_it_is_resumed(
    places, digits, run
):
    config = digits.changed(method="ce", epochs=1)
    training = Training(config, Control(), places)
    *_, last = training
    assert run(config, state=training.state())[-1] == last
