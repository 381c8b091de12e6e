"""Runs that are trained on wrong labels, and what is stored of them."""

import numpy as np
import pytest
import torch

from bikd_core.control import Control
from bikd_core.data.label_noise import planned_labels
from bikd_core.data.long_tail import load_split
from bikd_core.evaluation import shot_groups
from bikd_core.events import EpochDone, Frame, Panel, RunStarted, StepTrace, TeacherEpochDone
from bikd_core.methods.prior import log_prior
from bikd_core.store import create_run
from bikd_core.store.archive import export_run, import_run, panel_rows
from bikd_core.teachers.files import find_teacher, list_teachers
from bikd_core.training import Training
from bikd_core.training.val_roles import trained_counts, val_roles
from tests.repeated import first_quick
from tests.training.test_training import after_epoch, comparable

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def noisy(digits):
    return digits.changed(label_noise=0.3, label_noise_kind="by_count", epochs=2)


@pytest.fixture
def events(noisy, places, quick_teacher):
    return list(Training(noisy, Control(), places))


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_the_run_says_which_labels_are_wrong(noisy, events):
    planned = planned_labels(noisy.data)
    [started], [panel] = of(RunStarted, events), of(Panel, events)
    assert started.class_counts == tuple(np.bincount(planned.true))
    assert started.label_counts == started.counts_as_labelled == planned.counts
    assert tuple(np.bincount(panel.labels)) == planned.counts
    assert tuple(np.bincount(panel.true_labels)) == started.class_counts
    assert panel.is_wrong.sum() == sum(planned.wrong_counts)
    frame = of(Frame, events)[-1]
    np.testing.assert_array_equal(frame.histograms.sum(axis=2), [planned.counts] * 2)
    assert frame.confusion.sum(axis=1).tolist() == [58] * 10


def test_accuracy_is_of_the_thirds_by_true_counts(events):
    [started], done = of(RunStarted, events), of(EpochDone, events)[-1]
    few = [done.accuracy_per_class[label] for label in shot_groups(started.class_counts).few]
    assert done.accuracy_few == pytest.approx(np.mean(few))


def test_a_clean_run_keeps_no_second_labels(digits, places):
    events = list(Training(digits.changed(method="ce", epochs=1), Control(), places))
    [started], [panel] = of(RunStarted, events), of(Panel, events)
    assert started.label_counts == ()
    assert started.counts_as_labelled == started.class_counts
    assert panel.true_labels is None
    assert panel.is_wrong is None


def test_a_run_trains_a_teacher_on_its_wrong_labels_and_finds_it_again(
    noisy, digits, events, places
):
    assert of(TeacherEpochDone, events)
    again = list(Training(noisy.changed(method="kd", seed=1, epochs=1), Control(), places))
    assert not of(TeacherEpochDone, again)
    folders, model = places.teacher_folders(), noisy.models.teacher_model
    split = load_split(noisy.data, places.data)
    assert find_teacher(split, model, folders).name == of(RunStarted, events)[0].teacher
    card = dict(list_teachers(folders))[of(RunStarted, events)[0].teacher]
    assert card.data == noisy.data
    for other in ({"label_noise": 0.0}, {"label_noise": 0.2}, {"label_noise_kind": "pairs"}):
        split = load_split(noisy.changed(**other).data, places.data)
        assert find_teacher(split, model, folders) is None


def test_class_priors_count_the_labels_as_given(noisy, places):
    split = load_split(noisy.data, places.data)
    counts = trained_counts(noisy, split, val_roles(noisy, split))
    assert counts == planned_labels(noisy.data).counts != split.class_counts
    shares = np.bincount(split.train.labels) / len(split.train)
    prior = log_prior(counts, torch.device("cpu")).softmax(0)
    np.testing.assert_allclose(prior.numpy(), shares, rtol=1e-5)
    mixed = noisy.changed(train_on_val="mixed")
    with_val = trained_counts(mixed, split, val_roles(mixed, split))
    assert with_val == tuple(count + 10 for count in counts)


def test_a_resumed_noisy_run_equals_an_undisturbed_one(noisy, events, places):
    training = Training(noisy, Control(), places)
    for event in training:
        if isinstance(event, EpochDone):
            break
    resumed = list(Training(noisy, Control(), places, state=training.state()))
    assert comparable(resumed)[2:] == after_epoch(1, events)


@pytest.mark.parametrize("max_images", first_quick([20, None]))
def test_the_true_labels_are_stored_and_exported(noisy, events, tmp_path, max_images):
    folder = create_run(tmp_path / "runs", noisy)
    for event in events:
        folder.append(event)
    folder.write_status("finished", epoch=2, epochs=2)
    [panel] = of(Panel, events)
    np.testing.assert_array_equal(folder.panel().true_labels, panel.true_labels)
    export_run(folder, tmp_path / "run.zip", max_images)
    again = import_run(tmp_path / "run.zip", tmp_path / "elsewhere")
    assert again.record().config == noisy
    assert again.events() == folder.events()
    kept = np.isin(panel.original_indices, again.panel().original_indices)
    drawn = slice(None) if max_images is None else panel_rows(panel.labels, max_images)
    traced = [event.rows for event in of(StepTrace, events)]
    assert set(np.flatnonzero(kept)) == set(np.arange(len(kept))[drawn]).union(*traced)
    for name in ("labels", "true_labels"):
        np.testing.assert_array_equal(getattr(again.panel(), name), getattr(panel, name)[kept])
