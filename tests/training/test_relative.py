"""Runs with relative weights: what they record, where they begin, and how they resume."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from bikd_core.control import Control
from bikd_core.evaluation import bin_of, half_weight_share, mean_per_class
from bikd_core.events import SURFACE_AXIS, EpochDone, Frame, Panel, StepTrace
from bikd_core.models import WeightNet
from bikd_core.training import Training
from tests.training.conftest import epochs

pytestmark = pytest.mark.slow
OVER_LTKD = {
    "over": "balanced_ltkd",
    "weight_scale": "relative",
    "class_shifts": "each",
    "epochs": 4,
}


def shared_fields(event, other):
    """The fields that two events both have, wall-clock times left out."""
    names = {field.name for field in dataclasses.fields(event)} - set(EpochDone.WALL_CLOCK)
    return {
        name
        for name in names
        if getattr(event, name) is not None and getattr(other, name) is not None
    }


@pytest.mark.parametrize("over", ["prior_kd", "balanced_softmax"])
def test_until_the_weights_begin_a_run_is_the_objectives_own_to_the_bit(run, digits, over):
    own = run(digits.changed(method=over, epochs=4))
    ours = run(digits.changed(over=over, weight_scale="relative", outer_from=0.5, epochs=4))
    for kind in (Frame, EpochDone):
        pairs = zip(*[[e for e in x if isinstance(e, kind)] for x in (own, ours)], strict=True)
        for expected, found in pairs:
            same = {
                name
                for name in shared_fields(expected, found)
                if np.array_equal(getattr(expected, name), getattr(found, name))
            }
            is_deferred = expected.epoch <= 2
            assert (same == shared_fields(expected, found)) is is_deferred, expected.epoch
    frames = [event for event in ours if isinstance(event, Frame)]
    for frame, done in zip(frames[:2], epochs(ours)[:2], strict=True):
        assert np.isnan(frame.influence[:, 0]).all()
        assert (frame.weights[:, 0] == 1).all()
        assert done.hypergradient_norm is done.pull_hard_per_class is None
        assert set(done.influence_hard_per_class) == {None}
        assert done.half_weight_share[0] == pytest.approx(0.5, abs=0.02)
    assert epochs(ours)[2].pull_hard_per_class is not None


@pytest.fixture(scope="module")
def over_ltkd(digits, shared_places):
    training = Training(digits.changed(**OVER_LTKD), Control(), shared_places)
    return list(training), training.state()


def test_a_frame_of_relative_weights_agrees_with_its_epoch(over_ltkd):
    events, _ = over_ltkd
    labels = next(event for event in events if isinstance(event, Panel)).labels
    frame = [event for event in events if isinstance(event, Frame)][-1]
    done = epochs(events)[-1]
    weights = frame.weights.astype(np.float64)
    assert weights.mean(axis=0) == pytest.approx([1, 1], abs=0.05)
    assert weights.std() > 0.05
    for column, kind in enumerate(("hard", "soft")):
        means = mean_per_class(weights[:, column], labels, 10)
        assert means == pytest.approx(getattr(done, f"w_{kind}_per_class"), rel=2e-3)
        influence = mean_per_class(frame.influence[:, column], labels, 10)
        assert influence == pytest.approx(getattr(done, f"influence_{kind}_per_class"), rel=1e-4)
        assert half_weight_share(weights[:, column]) == pytest.approx(
            done.half_weight_share[column], abs=0.02
        )
        counts = np.bincount(bin_of(weights[:, column], "relative"), minlength=64)
        # A few float16 weights may fall on the other side of a bin's edge.
        assert np.abs(counts - frame.histograms[column].sum(axis=0)).sum() <= 0.1 * len(labels)
    assert sum(done.pull_hard_per_class) == pytest.approx(0, abs=1e-6)
    assert done.pull_soft_per_class is None
    assert len(done.shift_hard_per_class) == len(done.shift_soft_per_class) == 10
    assert 0 <= done.saturated_share <= 1


def test_the_surface_of_relative_weights_is_the_nets_output_over_the_mean_raw_weight(over_ltkd):
    events, state = over_ltkd
    frame = [event for event in events if isinstance(event, Frame)][-1]
    net = WeightNet(1, generator=torch.Generator(), scale="relative")
    prefix = "method.weight_net."
    values = {k.removeprefix(prefix): v for k, v in state.tensors.items() if k.startswith(prefix)}
    net.load_state_dict(values)
    pair = torch.tensor([[SURFACE_AXIS[7], SURFACE_AXIS[30]]], dtype=torch.float32)
    expected = net(pair)[0].detach().numpy() / frame.raw_mean
    assert frame.surface[:, 30, 7].tolist() == pytest.approx(expected.tolist(), rel=1e-2)


def traces_of(config, places, num_steps):
    """Return the traces of a run's first steps."""
    control = Control()
    control.step("epoch")
    found = (e for e in Training(config, control, places) if isinstance(e, StepTrace))
    traces = list(itertools.islice(found, num_steps))
    control.stop()
    return traces


@pytest.mark.parametrize("over", ["kd", "dkd", "wsl", "balanced_ltkd", "ce", "balanced_softmax"])
@pytest.mark.parametrize("has_weights", [True, False])
def test_the_parts_of_a_step_are_what_the_student_descends(
    digits, shared_places, over, has_weights
):
    controls = {"over": over, "weight_scale": "relative"} if has_weights else {"method": over}
    config = digits.changed(**controls, kd_alpha=0.3, train_on_val="batch")
    for trace in traces_of(config, shared_places, 3):
        assert trace.parts.shape == (len(trace.rows), 2)
        assert trace.parts.sum(axis=1) == pytest.approx(trace.losses, rel=1e-5, abs=1e-6)
        assert (trace.coefficients is None) is not has_weights
        if over in {"ce", "balanced_softmax"}:
            assert not trace.parts[:, 1].any()
        if over == "kd":
            weights = trace.weights_after if has_weights else np.ones((len(trace.rows), 2))
            own = np.stack([0.3 * trace.ce_student, 0.7 * trace.soft], axis=1)
            assert trace.parts == pytest.approx(weights * own, rel=1e-4, abs=1e-6)
        if over == "kd" and has_weights:
            assert trace.coefficients == pytest.approx(np.array([[0.3, 0.7]] * len(trace.rows)))


@pytest.mark.parametrize(
    ("controls", "shifts_it"),
    [
        ({"over": "prior_kd"}, True),
        ({"prior": "hard", "weight_scale": "sigmoid"}, True),
        ({"over": "prior_kd", "weight_net_inputs": "plain"}, False),
        ({"over": "kd"}, False),
    ],
)
def test_a_frame_keeps_the_loss_that_the_net_saw_where_it_is_not_the_plain_one(
    run, digits, controls, shifts_it
):
    events = run(digits.changed(**{"weight_scale": "relative", "epochs": 1} | controls))
    frame = next(event for event in events if isinstance(event, Frame))
    if not shifts_it:
        assert frame.seen_by_net is None
        return
    labels = next(event for event in events if isinstance(event, Panel)).labels
    further = frame.seen_by_net - frame.ce_student  # log Σ π_c·p_c − log π_y
    assert further[labels == 9].min() > 0 > further[labels == 0].max()


def test_the_loss_that_the_net_saw_gives_the_weight_that_it_gave(over_ltkd):
    events, state = over_ltkd
    frame = [event for event in events if isinstance(event, Frame)][-1]
    net = WeightNet(1, generator=torch.Generator(), scale="relative")
    prefix = "method.weight_net."
    values = {k.removeprefix(prefix): v for k, v in state.tensors.items() if k.startswith(prefix)}
    net.load_state_dict(values)

    weights = frame.weights[:, 0].astype(np.float64)

    def error_of(losses):
        inputs = torch.tensor(np.stack([losses, frame.ce_teacher], axis=1))
        return np.log(net(inputs)[:, 0].detach().numpy() / weights).std()

    # The net moved on within the epoch, so the weights agree only roughly.
    assert error_of(frame.seen_by_net) < 0.5 * error_of(frame.ce_student)


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_resumed_run_with_shifts_and_late_weights_equals_an_undisturbed_one(
    digits, shared_places, epoch
):
    controls = OVER_LTKD | {"outer_from": 0.5, "outer_every": 2, "inner_steps": 3}
    config = digits.changed(**controls, train_on_val="batch")
    whole = epochs(Training(config, Control(), shared_places))
    training = Training(config, Control(), shared_places)
    done = (event for event in training if isinstance(event, EpochDone))
    list(itertools.islice(done, epoch))
    resumed = epochs(Training(config, Control(), shared_places, state=training.state()))
    for found, expected in zip(resumed, whole[epoch:], strict=True):
        names = shared_fields(found, expected)
        assert {n: getattr(found, n) for n in names} == {n: getattr(expected, n) for n in names}


def test_over_a_hard_loss_alone_a_run_needs_no_teacher_and_has_one_weight(digits, places):
    config = digits.changed(over="balanced_softmax", weight_scale="relative", epochs=2)
    events = list(Training(config, Control(), places))  # where no teacher is stored
    frame, done = events[-3], events[-2]
    assert not any(type(event).__name__ == "TeacherEpochDone" for event in events)
    assert not frame.weights[:, 1].any()
    assert not frame.surface[1].any()
    assert frame.ce_teacher is None
    assert done.w_soft_per_class is done.influence_soft_per_class is None
    assert done.train_soft_loss is None
    assert len(done.half_weight_share) == 1
