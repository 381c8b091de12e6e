"""Runs with relative weights: what they record, where they begin, and how they resume."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from bikd_core.control import Control
from bikd_core.evaluation import bin_of, half_weight_share, mean_per_class
from bikd_core.events import SURFACE_AXIS, EpochDone, Frame, Panel
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
    frame, done = events[-2], events[-1]
    assert not any(type(event).__name__ == "TeacherEpochDone" for event in events)
    assert not frame.weights[:, 1].any()
    assert not frame.surface[1].any()
    assert frame.ce_teacher is None
    assert done.w_soft_per_class is done.influence_soft_per_class is None
    assert done.train_soft_loss is None
    assert len(done.half_weight_share) == 1
