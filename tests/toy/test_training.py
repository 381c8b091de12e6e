"""A toy takes the engine's own steps, and goes on from where it is when points change."""

import base64

import numpy as np
import pytest
import torch

from bikd_core.hypergradients import Inside, OuterBatch, hypergradient, pair_of
from bikd_core.methods import METHODS, Batch, Setting
from bikd_core.models.initialisation import initialised
from bikd_core.toy import training
from bikd_core.toy.pipe import GRID, to_line
from bikd_core.toy.plane import Plane
from bikd_core.toy.training import BATCH_SIZE, LEARNING_RATE, OPTIONS, PlaneMLP, Points, Toy
from bikd_core.training.feed import generators_for


@pytest.fixture(autouse=True)
def quick_teacher(monkeypatch):
    monkeypatch.setattr(training, "TEACHER_EPOCHS", 10)


def taught(method="bikd", **options):
    """A toy whose teacher has learned."""
    toy = Toy("toy", Plane(method, **options).task)
    while toy.phase == "teacher":
        toy.turn()
    return toy


def changed(plane, *edits):
    first = plane.last_edit + 1
    plane.take([{"number": number, **edit} for number, edit in enumerate(edits, first)])
    return plane.task


@pytest.mark.parametrize("method", ["bikd", "kd", "ce"])
def test_an_epoch_is_the_engine_s_own_steps(method):
    """The same order of batches through the method and torch's own SGD gives the same student."""
    toy = taught(method)
    draws = generators_for(0, "student", "student_weight_net", "student_order")
    net = initialised(lambda: PlaneMLP(12), draws["student"])
    setting = Setting(
        options=OPTIONS[method],
        student=net,
        next_val_batch=lambda: Batch(toy.val.places, toy.val.labels, None),
        class_counts=(120.0, 26.0, 6.0),
        device=torch.device("cpu"),
        generator=draws["student_weight_net"],
        num_epochs=1,
    )
    objective = METHODS[method](setting)
    sgd = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE, momentum=0.9, weight_decay=1e-4)
    with torch.no_grad():
        teacher = toy.teacher.net(toy.train.places)
    weights = torch.zeros(len(toy.train), 2)
    for rows in torch.randperm(len(toy.train), generator=draws["student_order"]).split(BATCH_SIZE):
        batch = Batch(toy.train.places[rows], toy.train.labels[rows], teacher[rows])
        result = objective.step(batch, LEARNING_RATE)
        sgd.step()
        if result.weights is not None:
            weights[rows] = result.weights
    toy.turn()
    for own, expected in zip(toy.student.net.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(own, expected, rtol=0, atol=0)
    if method == "bikd":
        torch.testing.assert_close(toy.weights, weights, rtol=0, atol=0)
    else:
        assert toy.weights.unique(dim=0).tolist() == [[0.5, 0.5] if method == "kd" else [1, 0]]


def test_the_hypergradient_on_a_toy_s_points_is_that_of_the_unrolled_step_in_float64():
    toy = taught()
    for _ in range(3):
        toy.turn()
    net, places = toy.student.net.double(), toy.train.places.double()
    logits = toy.teacher.net.double()(places).detach()
    inner = pair_of(places, toy.train.labels, logits, 2.0)
    outer = OuterBatch(toy.val.places.double(), toy.val.labels, None, 2.0, "hard")
    inside = Inside(toy.weights.double())
    found, expected = (
        hypergradient(estimator, net, inner, outer, inside, LEARNING_RATE).inside.weights
        for estimator in ("forward", "unrolled")
    )
    assert expected.abs().max() > 0
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-14)


@pytest.mark.slow
def test_rare_points_come_to_count_more_and_are_recognised_more_often_than_by_the_teacher(
    monkeypatch,
):
    monkeypatch.setattr(training, "TEACHER_EPOCHS", 60)
    toy = taught()
    for _ in range(70):
        toy.turn()
    hard = toy.weights[:, 0]
    means = [float(hard[toy.train.labels == label].mean()) for label in (0, 2)]
    assert means[1] > 3 * means[0]
    frame = toy.frame()
    assert frame.student_accuracy[2] > frame.teacher_accuracy[2] + 0.05


def test_a_moved_point_of_d_val_changes_the_weights_that_follow():
    plane = Plane()
    moved, still = taught(), taught()
    moves = [{"kind": "move", "id": p[0], "x": 0.0, "y": 0.8} for p in plane.task.val if p[1] == 2]
    moved.take(changed(plane, *moves))
    before = moved.student.epoch
    for toy in (moved, still):
        for _ in range(5):
            toy.turn()
    assert moved.student.epoch == before + 5  # it went on
    assert not torch.allclose(moved.weights, still.weights, atol=1e-3)


def test_points_that_stay_keep_their_weights_and_new_ones_have_none_yet():
    plane, toy = Plane(), taught()
    toy.turn()
    before = toy.weights.clone()
    add = {"kind": "add", "label": 2, "x": 0.3, "y": 0.3}
    toy.take(changed(plane, {"kind": "drop", "id": 0}, add))
    torch.testing.assert_close(toy.weights[:-1], before[1:])
    assert toy.weights[-1].isnan().all()
    toy.turn()
    assert toy.weights.isfinite().all()
    assert len(toy.weights) == len(before)


@pytest.mark.parametrize("label", [0, 2])
def test_it_goes_on_without_any_point_of_a_class_or_with_none_at_all(label):
    plane, toy = Plane(), taught()
    own = [p[0] for p in plane.task.train if p[1] == label]
    toy.take(changed(plane, *[{"kind": "drop", "id": which} for which in own]))
    for _ in range(3):
        toy.turn()
    assert toy.student.epoch == 3
    assert toy.weights.isfinite().all()
    toy.take(changed(plane, *[{"kind": "drop", "id": p[0]} for p in plane.task.train]))
    assert toy.phase == "empty"
    assert toy.frame().num_train == 0


def test_d_val_on_one_spot_keeps_everything_finite():
    plane, toy = Plane(), taught()
    moves = [{"kind": "move", "id": p[0], "x": 0.2, "y": 0.2} for p in plane.task.val]
    toy.take(changed(plane, *moves))
    for _ in range(8):
        toy.turn()
    assert toy.weights.isfinite().all()
    assert toy.problem == ""


def test_a_paused_toy_trains_exactly_the_epochs_that_are_asked_for():
    plane, toy = Plane(), taught()
    toy.take(changed(plane, {"kind": "pause"}))
    assert not toy.trains
    toy.take(changed(plane, {"kind": "epoch"}, {"kind": "epoch"}))
    while toy.trains:
        toy.turn()
    assert toy.student.epoch == 2


def test_it_rests_after_a_while_and_an_edit_wakes_it(monkeypatch):
    monkeypatch.setattr(training, "RESTS_AFTER", 3)
    plane, toy = Plane(), taught()
    while toy.trains:
        toy.turn()
    assert (toy.phase, toy.student.epoch) == ("resting", 3)
    toy.take(changed(plane, {"kind": "move", "id": 10_000, "x": 0.0, "y": 0.0}))
    assert toy.trains


def test_another_method_begins_with_a_new_student_from_the_same_seed():
    plane, toy = Plane(), taught()
    first = [value.clone() for value in toy.student.net.parameters()]
    toy.turn()
    toy.take(changed(plane, {"kind": "method", "value": "ce"}))
    assert toy.student.epoch == 0
    for value, expected in zip(toy.student.net.parameters(), first, strict=True):
        torch.testing.assert_close(value, expected)


def test_losses_beyond_all_bounds_begin_again_and_are_said():
    toy = taught()
    with torch.no_grad():
        toy.student.net.fc.bias.fill_(float("nan"))
    toy.turn()
    assert "begin again" in toy.frame().problem
    assert toy.student.is_finite


def test_a_frame_holds_the_ground_as_the_student_sees_it_and_is_small():
    toy = taught(factor=1)
    toy.turn()
    frame = toy.frame()
    ground = np.frombuffer(base64.b64decode(frame.student), "u1").reshape(2, GRID, GRID)
    corner = Points(((0, 0, -1 + 1 / GRID, 1 - 1 / GRID),)).places  # the first cell's centre
    expected = torch.softmax(toy.student.logits(corner), dim=1)[0, :2] * 255
    np.testing.assert_allclose(ground[:, 0, 0], expected.numpy(), atol=0.51)
    assert len(to_line(frame)) < 20_000
