"""Seeds that train together: each has the events and the state that it would have alone."""

import dataclasses
from collections import defaultdict

import numpy as np
import pytest
import torch

from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.events import ControlChanged, EpochDone, Frame, StepDone, StepTrace
from bikd_core.places import Places
from bikd_core.training import NonFiniteLoss, Training
from bikd_core.training.loop import Loop
from bikd_core.training.together import TogetherTraining
from tests.training.conftest import train_teachers_quickly

EPOCHS, SEEDS = 3, (0, 1, 2)
SMALL = {"imbalance_factor": 5, "head_count": 20, "batch_size": 16}
NOT_COMPARED = {"seconds", "images_per_second", "versions"}
RELATIVE = {"method": "bikd", "weight_scale": "relative"}
#: Each method, and what has a path of its own in a step. The first ones are the quick tests'.
QUICK = 2
CASES = [
    {"method": "ce", "student": "digits_mlp"},
    {"method": "bikd"},
    {"method": "kd"},
    {"method": "bikd", "inner_steps": 3, "warm_up": 1, "prior": "both", "weight_form": "convex"},
    {"method": "bikd", "meta_loss": "mix", "outer_every": 2, "drop_window": True},
    RELATIVE | {"over": "balanced_ltkd", "class_shifts": "each", "inner_steps": 3},
    RELATIVE | {"over": "logit_adjustment", "class_shifts": "one"},
    RELATIVE | {"over": "prior_kd", "estimator": "finite_difference", "train_on_val": "batch"},
    RELATIVE | {"over": "dkd", "cross_fit": True, "train_on_val": "mixed", "outer_from": 0.4},
    {"method": "meta_weight_net"},
    {"method": "dkd", "train_on_val": "mixed", "augmentation": "crop"},
    {"method": "wsl"},
    {"method": "logit_adjustment"},
    {"method": "balanced_softmax"},
    {"method": "dive"},
    {"method": "bkd", "hold_out_half": True, "train_on_val": "batch"},
    {"method": "ltkd"},
    {"method": "prior_kd", "trust": 1.0, "teacher_folds": 2, "label_noise": 0.3},
    {"method": "bikd", "weights_used": "random", "inner_steps": 2, "weight_form": "convex"},
    RELATIVE | {"over": "wsl", "weights_used": "shuffled", "train_on_val": "batch"},
    {"method": "meta_weight_net", "weights_used": "class_means", "val_label_noise": 1.0},
    {"method": "bikd", "val_from": "train", "val_imbalance_factor": 3.0, "shuffle_classes": True},
]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Places whose teachers are trained for two epochs, each once."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        train_teachers_quickly(monkeypatch)
        yield Places.at(tmp_path_factory.mktemp("together"))


@pytest.fixture
def in_float64(monkeypatch):
    """Let loops compute in float64, whatever they are built from."""
    torch.set_default_dtype(torch.float64)
    make = Loop.__init__

    def made(loop, config, split, teacher, device, fold_teachers=()):
        for net in (teacher, *fold_teachers):
            if net is not None:
                net.double()
        make(loop, config, split, teacher, device, fold_teachers)
        feed = loop.feed
        for images in (feed.train_set, feed.val_set, loop.test_set, loop.measured_set):
            images.dtype = torch.float64
            if images._floats is not None:
                images._floats = images._floats.double()

    monkeypatch.setattr(Loop, "__init__", made)
    yield
    torch.set_default_dtype(torch.float32)


def configs(case, **own):
    """Return configs of the seeds; `own` are controls with a value for each."""
    return [
        RunConfig.from_flat(
            {"epochs": EPOCHS, "seed": seed, "split_seed": seed % 2, **SMALL}
            | case
            | {name: values[number] for name, values in own.items()}
        )
        for number, seed in enumerate(SEEDS)
    ]


def alone(runs, places):
    """Return the events of each run, trained alone, and its state."""
    trainings = [Training(config, Control(), places) for config in runs]
    return [(list(training), training.state()) for training in trainings]


def together(runs, places, control=None, states=None):
    """Return the same of runs that train together."""
    training = TogetherTraining(runs, control or Control(), places, states)
    events = defaultdict(list)
    for number, item in training:
        events[number].append(item)
    loops = training.together.loops
    return [(events[number], loop.state()) for number, loop in enumerate(loops)]


def assert_same(found, expected, tolerance):
    """Compare events field by field, and states, within a tolerance relative to the values."""
    (events, state), (own_events, own_state) = found, expected
    kinds = [type(event) for event in events]
    assert kinds == [type(event) for event in own_events if not is_of_teacher(event)]
    for event, own in zip(events, (e for e in own_events if not is_of_teacher(e)), strict=True):
        for field in dataclasses.fields(event):
            if field.name not in NOT_COMPARED:
                where = f"{type(event).__name__}.{field.name}"
                value = getattr(event, field.name)
                assert_close(value, getattr(own, field.name), tolerance, where)
    assert state.values == own_state.values
    assert state.tensors.keys() == own_state.tensors.keys()
    for name, tensor in state.tensors.items():
        assert_close(tensor.numpy(), own_state.tensors[name].numpy(), tolerance, name)


def is_of_teacher(event):
    return type(event).__name__ == "TeacherEpochDone"


def assert_close(value, expected, tolerance, where):
    if isinstance(value, str | bool | type(None)) or is_text(value):
        assert value == expected, where
        return
    value, expected = (np.asarray(v, dtype=float) for v in (value, expected))
    # Frames keep float32 and float16.
    coarse = 1e-3 if where.endswith((".weights", ".surface")) else 2e-7
    allowed = coarse if where.startswith("Frame.") else tolerance
    np.testing.assert_allclose(value, expected, rtol=allowed, atol=allowed, err_msg=where)


def is_text(value):
    return isinstance(value, tuple) and any(isinstance(entry, str) for entry in value)


@pytest.mark.parametrize(
    "case",
    [
        case if number < QUICK else pytest.param(case, marks=pytest.mark.slow)
        for number, case in enumerate(CASES)
    ],
    ids=lambda case: "-".join(map(str, case.values())),
)
def test_in_float64_events_and_states_are_those_of_single_runs(case, places, in_float64):
    runs = configs(case)
    expected = alone(runs, places)  # trains the teachers that are not there yet
    for found, own in zip(together(runs, places), expected, strict=True):
        assert_same(found, own, 1e-9)


RELATIVE = {"over": "prior_kd", "weight_scale": "relative", "class_shifts": "each"}


@pytest.mark.slow
@pytest.mark.parametrize("form", [{"method": "kd"}, {}, RELATIVE], ids=["kd", "bikd", "relative"])
def test_numbers_that_differ_between_the_seeds_act_on_each_alone(form, places, in_float64):
    own = {
        "learning_rate": (0.05, 0.1, 0.2),
        "weight_decay": (5e-4, 1e-3, 0.0),
        "momentum": (0.9, 0.5, 0.9),
        "temperature": (4.0, 2.0, 7.5),
    }
    if form.get("method") == "kd":
        own["kd_alpha"] = (0.5, 0.3, 0.9)
    else:
        own["weight_net_learning_rate"] = (0.01, 0.003, 0.05)
        own["virtual_step"] = (1.0, 0.3, 3.0)
    if form == RELATIVE:
        own["class_shift_learning_rate"] = (0.03, 0.1, 0.01)
    runs = configs(form, **own)
    expected = alone(runs, places)
    for found, single in zip(together(runs, places), expected, strict=True):
        assert_same(found, single, 1e-9)


def test_a_resumed_batch_goes_on_as_if_it_had_not_stopped(places):
    runs = configs({"method": "bikd", "inner_steps": 3})
    whole = together(runs, places)
    control, states = Control(), None
    training = TogetherTraining(runs, control, places)
    for _, item in training:
        if isinstance(item, EpochDone) and item.epoch == 2:
            control.stop()
            states = [loop.state() for loop in training.together.loops]
    rest = together(runs, places, states=states)
    for (events, state), (resumed, own) in zip(whole, rest, strict=True):
        last, again = (
            next(e for e in reversed(found) if isinstance(e, EpochDone))
            for found in (events, resumed)
        )
        assert dataclasses.replace(last, seconds=0, images_per_second=1) == dataclasses.replace(
            again, seconds=0, images_per_second=1
        )
        assert all(torch.equal(own.tensors[n], tensor) for n, tensor in state.tensors.items())


def test_a_seed_that_diverges_ends_alone_and_the_others_keep_their_bits(places):
    runs = configs({"method": "bikd"})
    calm = together(runs, places)
    training, events = TogetherTraining(runs, Control(), places), defaultdict(list)
    for number, item in training:
        events[number].append(item)
        if isinstance(item, EpochDone) and item.epoch == 1 and number == len(runs) - 1:
            training.together.student.fc.weight.data[1] = float("nan")
    assert isinstance(events[1][-1], NonFiniteLoss)
    assert "epoch 2" in str(events[1][-1])
    assert max(e.epoch for e in events[1] if isinstance(e, EpochDone)) == 1
    for number in (0, 2):
        expected, own = calm[number]
        losses, others = (
            [e.test_loss for e in of if isinstance(e, EpochDone)]
            for of in (events[number], expected)
        )
        assert losses == others
        assert len(losses) == EPOCHS
        state = training.together.loops[number].state()
        assert all(torch.equal(own.tensors[n], tensor) for n, tensor in state.tensors.items())


def test_a_changed_learning_rate_acts_on_all_and_is_in_the_events_of_each(places):
    control = Control()
    runs = configs({"method": "kd"})
    training = TogetherTraining(runs, control, places)
    events = defaultdict(list)
    for number, item in training:
        events[number].append(item)
        if isinstance(item, EpochDone) and item.epoch == 1 and number == len(runs) - 1:
            control.set_learning_rate(0.01)
    for number in range(len(runs)):
        [change] = [e for e in events[number] if isinstance(e, ControlChanged)]
        assert change.value == 0.01
        first = next(e for e in events[number] if isinstance(e, EpochDone))
        assert first.learning_rate == 0.05
        assert training.together.loops[number].base_learning_rate == 0.01


def test_a_step_under_the_lens_traces_each_seed_as_its_own_run_does(places, in_float64):
    runs = configs({"method": "bikd", "epochs": 1, "train_on_val": "batch"})

    def traces(items):
        return [item for item in items if isinstance(item, StepTrace | StepDone)][:2]

    def stepped(make):
        control = Control()
        control.pause()
        control.step("inner")
        training, found = make(control), defaultdict(list)
        for item in training:
            number, event = item if isinstance(item, tuple) else (0, item)
            found[number].append(event)
            if isinstance(event, ControlChanged) and event.control == "paused":
                control.stop()
        return found

    shared = stepped(lambda control: TogetherTraining(runs, control, places))
    for number, config in enumerate(runs):
        own = traces(stepped(lambda control, c=config: Training(c, control, places))[0])
        for event, expected in zip(traces(shared[number]), own, strict=True):
            for field in dataclasses.fields(event):
                value, other = (getattr(e, field.name) for e in (event, expected))
                assert_close(value, other, 1e-9 if event is None else 2e-7, field.name)


def test_frames_hold_the_images_of_their_own_split(places):
    runs = configs({"method": "kd"})
    expected = alone(runs, places)
    for (events, _), (own, _) in zip(together(runs, places), expected, strict=True):
        frame, other = (next(e for e in of if isinstance(e, Frame)) for of in (events, own))
        np.testing.assert_allclose(frame.ce_student, other.ce_student, rtol=1e-3)
        assert (frame.confusion == other.confusion).mean() > 0.95
