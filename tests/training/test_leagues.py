"""Training on D_val: the roles of its images, the loss, the class priors, the teacher."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bikd_core.config import METHOD_FACTS, ConfigError, RunConfig
from bikd_core.control import Control
from bikd_core.data.batches import DeviceSet
from bikd_core.data.long_tail import load_split
from bikd_core.events import EpochDone, Frame, Panel, RunStarted
from bikd_core.models import build
from bikd_core.teachers.files import TeacherError, make_card, train_fingerprint
from bikd_core.training import Training
from bikd_core.training.loop import Loop
from bikd_core.training.val_roles import trained_counts, val_roles
from tests.repeated import first_quick

CPU = torch.device("cpu")
TRAINED = ["mixed", "batch"]
#: With a weight net, with a teacher alone, with neither; then the others.
FIRST = ["bikd", "kd", "ce"]
METHODS_BY_KIND = [*FIRST, *(name for name in METHOD_FACTS if name not in FIRST)]


@pytest.fixture
def few_steps(digits):
    """The digits in batches so large that an epoch has few steps."""
    return digits.changed(batch_size=64)


def make_loop(config, places, teacher=None):
    split = load_split(config.data, places.data)
    return Loop(config, split, teacher, CPU), split


def spy_on(loop):
    """Record, by epoch, which images of D_val guide and which are trained on."""
    num_rows, seen = len(loop.split.train), {}
    training, next_of_val = loop.feed.training_batch, loop.feed._next_of_val

    def note_of_val(role, turns, epoch):
        positions = next_of_val(role, turns, epoch)
        if role == "val":
            seen.setdefault(epoch, (set(), set()))[0].update(positions.tolist())
        return positions

    def note_training(positions, epoch):
        batch, positions = training(positions, epoch)
        of_val = positions[positions >= num_rows] - num_rows
        seen.setdefault(epoch, (set(), set()))[1].update(of_val.tolist())
        return batch, positions

    loop.feed._next_of_val, loop.feed.training_batch = note_of_val, note_training
    return seen


# Which images ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("trained", TRAINED)
def test_cross_fitted_halves_never_train_and_guide_in_the_same_epoch(places, few_steps, trained):
    config = few_steps.changed(
        method="meta_weight_net", cross_fit=True, train_on_val=trained, val_per_class=5, epochs=4
    )
    loop, split = make_loop(config, places)
    seen = spy_on(loop)
    for _ in range(4):
        list(loop.run_epoch(Control()))
    for guides, trains in seen.values():
        assert guides
        assert trains
        assert not guides & trains
    assert seen[0][0] >= seen[1][1]  # what guided in the first epoch is trained on in the second
    assert seen[0][1] >= seen[1][0]
    everyone = set(range(len(split.val)))
    assert seen[0][0] | seen[0][1] | seen[1][0] | seen[1][1] == everyone


def test_each_half_holds_half_of_each_class_and_is_the_same_for_every_seed(places, digits):
    config = digits.changed(hold_out_half=True, val_per_class=5)
    split = load_split(config.data, places.data)
    roles = val_roles(config, split)
    [guide], labels = roles.guide, split.val.labels
    assert torch.bincount(labels[guide]).tolist() == [3] * 10
    assert torch.bincount(labels[roles.measure]).tolist() == [2] * 10
    assert sorted([*guide.tolist(), *roles.measure.tolist()]) == list(range(50))
    assert torch.equal(val_roles(config.changed(seed=9), split).measure, roles.measure)
    other = val_roles(config.changed(split_seed=1), split)
    assert not torch.equal(other.measure, roles.measure)


def test_two_runs_that_hold_out_either_half_measure_all_of_d_val_once(places, digits):
    halves = {}
    for half in ("first", "second"):
        config = digits.changed(hold_out_half=True, measured_half=half, val_per_class=5)
        split = load_split(config.data, places.data)
        roles = val_roles(config, split)
        halves[half] = roles.measure.tolist()
        assert sorted([*roles.guide[0].tolist(), *halves[half]]) == list(range(50))
    assert sorted(halves["first"] + halves["second"]) == list(range(50))
    default = val_roles(digits.changed(hold_out_half=True, val_per_class=5), split)
    assert default.measure.tolist() == halves["second"]


@pytest.mark.slow
@pytest.mark.parametrize("trained", ["no", *TRAINED])
def test_a_held_out_half_neither_guides_nor_trains(places, few_steps, trained):
    config = few_steps.changed(
        method="meta_weight_net", hold_out_half=True, train_on_val=trained, epochs=2
    )
    loop, _ = make_loop(config, places)
    seen = spy_on(loop)
    for _ in range(2):
        list(loop.run_epoch(Control()))
    held_out = set(loop.feed.roles.measure.tolist())
    assert len(held_out) == 50
    for guides, trains in seen.values():
        assert not (guides | trains) & held_out


def test_validation_numbers_come_from_the_held_out_half(places, digits):
    config = digits.changed(method="ce", hold_out_half=True, train_on_val="batch", epochs=1)
    loop, split = make_loop(config, places)
    done = list(loop.run_epoch(Control()))[-1]
    measured = split.val[loop.feed.roles.measure]
    logits = torch.from_numpy(loop.logits(loop.student, DeviceSet(measured, split, CPU)))
    assert done.val_loss == pytest.approx(F.cross_entropy(logits, measured.labels).item())
    right = logits.argmax(dim=1) == measured.labels
    by_class = [right[measured.labels == label].float().mean().item() for label in range(10)]
    assert done.val_accuracy == pytest.approx(np.mean(by_class))


@pytest.mark.slow
def test_rows_of_a_frame_are_the_images_of_d_tr_in_both_leagues(run, few_steps):
    frames = {}
    for trained in ("no", *TRAINED):
        events = run(few_steps.changed(method="kd", train_on_val=trained, epochs=1))
        panel = next(e for e in events if isinstance(e, Panel))
        started = next(e for e in events if isinstance(e, RunStarted))
        frame = next(e for e in events if isinstance(e, Frame))
        assert tuple(np.bincount(panel.labels)) == started.class_counts
        assert len(frame.ce_student) == len(panel.labels)
        assert (frame.ce_student > 0).all()  # each was trained on once
        frames[trained] = panel.original_indices
    assert all(np.array_equal(indices, frames["no"]) for indices in frames.values())


# The loss -------------------------------------------------------------------------------------


def test_a_batch_of_equal_weight_is_the_sum_of_both_means(places, digits):
    config = digits.changed(method="ce", train_on_val="batch")
    loop, split = make_loop(config, places)
    positions = torch.arange(7)
    batch, where = loop.feed.training_batch(positions, epoch=0)
    assert where[:7].tolist() == list(range(7))
    assert len(where) == 7 + config.training.batch_size
    beside = where[7:] - len(split.train)
    assert torch.equal(batch.labels[7:], split.val.labels[beside])

    loop.method.step(batch, 0.1)
    found = [parameter.grad.clone() for parameter in loop.student.parameters()]
    fresh, _ = make_loop(config, places)
    losses = F.cross_entropy(fresh.student.train()(batch.images), batch.labels, reduction="none")
    (losses[:7].mean() + losses[7:].mean()).backward()
    for gradient, parameter in zip(found, fresh.student.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)


@pytest.mark.parametrize("trained", first_quick(TRAINED))
@pytest.mark.parametrize("method", first_quick(METHODS_BY_KIND, 3))
def test_every_method_trains_on_d_val_too(places, few_steps, method, trained):
    config = few_steps.changed(method=method, train_on_val=trained, epochs=1)
    teacher = build("digits_cnn_l", 10, 1, 8, torch.Generator().manual_seed(0)).eval()
    loop, _ = make_loop(config, places, teacher if METHOD_FACTS[method].needs_teacher else None)
    seen = spy_on(loop)
    done = list(loop.run_epoch(Control()))[-1]
    assert isinstance(done, EpochDone)
    assert len(seen[0][1]) > (90 if trained == "mixed" else 30)


def test_mixed_in_every_image_of_d_val_is_seen_once_an_epoch(places, digits):
    config = digits.changed(method="ce", train_on_val="mixed")
    loop, split = make_loop(config, places)
    positions = torch.cat(loop.feed.epoch_batches(0))
    assert sorted(positions.tolist()) == list(range(len(split.train) + len(split.val)))


# Priors ----------------------------------------------------------------------------------------


def test_class_priors_count_all_images_trained_on(places, digits):
    split = load_split(digits.data, places.data)
    counts = np.array(split.class_counts)

    def found(**values):
        config = digits.changed(**values)
        return np.array(trained_counts(config, split, val_roles(config, split)))

    assert found() == pytest.approx(counts)
    assert found(train_on_val="mixed") == pytest.approx(counts + 10)
    assert found(train_on_val="mixed", hold_out_half=True) == pytest.approx(counts + 5)
    # All of D_val counts as much as all of D_tr, evenly over the classes.
    assert found(train_on_val="batch") == pytest.approx(counts + counts.sum() / 10)
    assert found(train_on_val="mixed", cross_fit=True) == pytest.approx(counts + 5)


# The teacher -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("trained", TRAINED)
def test_the_teacher_never_saw_d_val(run, digits, places, trained):
    plain = run(digits.changed(method="kd", epochs=1))
    other = run(digits.changed(method="kd", epochs=1, train_on_val=trained))
    names = [
        next(e for e in found if isinstance(e, RunStarted)).teacher for found in (plain, other)
    ]
    assert names[0] == names[1]
    split = load_split(digits.data, places.data)
    assert names[0].endswith(train_fingerprint(split)[:6])


@pytest.mark.parametrize("trained", TRAINED)
def test_a_student_that_saw_d_val_cannot_become_a_teacher(digits, places, trained):
    config = digits.changed(method="ce", train_on_val=trained)
    split = load_split(config.data, places.data)
    with pytest.raises(TeacherError, match=f"train_on_val = '{trained}' cannot become a teacher"):
        make_card(config, split, (0.5,) * 10, made_by="test", versions={})


# Resuming, and refusals ------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "values",
    [
        {"train_on_val": "mixed", "cross_fit": True, "hold_out_half": True},
        {"train_on_val": "batch", "cross_fit": True},
        {"warm_up": 2, "drop_window": True, "inner_steps": 3},
    ],
)
def test_a_resumed_run_equals_an_undisturbed_one(places, digits, stored_teacher, values):
    config = digits.changed(epochs=4, augmentation="crop", **values)

    def done(events):
        zeros = dict.fromkeys(EpochDone.WALL_CLOCK, 0.0)
        return [dataclasses.replace(e, **zeros) for e in events if isinstance(e, EpochDone)]

    whole = done(Training(config, Control(), places))
    training = Training(config, Control(), places)
    next(event for event in training if isinstance(event, EpochDone))
    resumed = Training(config, Control(), places, state=training.state())
    assert done(resumed) == whole[1:]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"cross_fit": True}, "cross_fit = True is not possible with train_on_val = 'no'"),
        ({"hold_out_half": True, "val_per_class": 1}, "val_per_class = 1 .* hold_out_half: at le"),
        (
            {"cross_fit": True, "train_on_val": "mixed", "hold_out_half": True, "val_per_class": 2},
            "val_per_class = 2 is not possible with hold_out_half and cross_fit: at least 3",
        ),
        ({"train_on_val": "perhaps"}, "train_on_val = 'perhaps' .* one of no, mixed, batch"),
        ({"warm_up": -1}, "warm_up = -1 .* at least 0"),
    ],
)
def test_impossible_uses_of_d_val_are_refused_by_name(values, said):
    with pytest.raises(ConfigError, match=said):
        RunConfig.from_flat(values)


def test_a_method_without_a_weight_net_ignores_cross_fit():
    assert not RunConfig.from_flat({"method": "kd", "cross_fit": True}).cross_fits
