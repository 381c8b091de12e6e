"""Training as a stream of events: order, contents, reproducibility, resuming and control."""

import dataclasses
import itertools
import threading

import numpy as np
import pytest
import torch

from bikd_core.config import ConfigError, RunConfig
from bikd_core.control import Control
from bikd_core.data.long_tail import load_split
from bikd_core.evaluation import mean_per_class, weight_histograms
from bikd_core.events import (
    SURFACE_AXIS,
    ClassBiasesFitted,
    ControlChanged,
    EpochDone,
    Frame,
    Panel,
    RunStarted,
    StepDone,
    StepTrace,
    TeacherEpochDone,
)
from bikd_core.models.weight_net import WeightNet
from bikd_core.store.layouts import arrays
from bikd_core.training import NonFiniteLoss, Training, train
from bikd_core.training.feed import generator_for
from bikd_core.training.loop import Loop
from tests.repeated import first_quick


def epochs(events):
    return [event for event in events if isinstance(event, EpochDone)]


def comparable(events):
    """Return events as comparable values, without wall-clock times and with arrays as bytes."""
    found = []
    for event in events:
        if isinstance(event, EpochDone):
            event = dataclasses.replace(event, **dict.fromkeys(EpochDone.WALL_CLOCK, 0.0))
        if isinstance(event, TeacherEpochDone):
            event = dataclasses.replace(event, seconds=0.0)
        has_arrays = isinstance(event, (Frame, Panel, StepTrace))
        found.append({k: v.tobytes() for k, v in arrays(event).items()} if has_arrays else event)
    return found


def after_epoch(number, events):
    """Return the events that follow the end of an epoch, comparable."""
    end = next(n for n, e in enumerate(events, 1) if isinstance(e, EpochDone) and e.epoch == number)
    return comparable(events[end:])


def test_events_come_in_the_order_that_train_draws(places, digits, quick_teacher):
    kinds = [type(event) for event in Training(digits, Control(), places)]
    start = [TeacherEpochDone, TeacherEpochDone, RunStarted, Panel]
    assert kinds == [*start, *3 * [StepTrace, Frame, EpochDone], ClassBiasesFitted]


@pytest.mark.slow
def test_a_trained_teacher_is_used_again(places, digits, quick_teacher):
    config = digits.changed(method="kd", epochs=1, batch_size=64)
    first, second = (
        list(Training(config.changed(seed=seed), Control(), places)) for seed in (0, 5)
    )
    started = [next(e for e in events if isinstance(e, RunStarted)) for events in (first, second)]
    assert started[0].teacher == started[1].teacher != ""
    assert [event for event in first if isinstance(event, TeacherEpochDone)]
    assert not [event for event in second if isinstance(event, TeacherEpochDone)]


@pytest.mark.slow
@pytest.mark.parametrize("method", first_quick(["ce", "kd", "bikd"]))
def test_same_seed_gives_the_same_events(run, digits, events_of, method):
    assert comparable(run(digits.changed(method=method))) == comparable(events_of(method))


@pytest.mark.slow
def test_another_seed_gives_other_weights_on_the_same_split(run, digits, events_of):
    first, second = events_of("bikd"), run(digits.changed(seed=1))
    panels = [next(e for e in events if isinstance(e, Panel)) for events in (first, second)]
    assert np.array_equal(panels[0].original_indices, panels[1].original_indices)
    assert epochs(first)[-1].w_hard_per_class != epochs(second)[-1].w_hard_per_class


@pytest.mark.slow
@pytest.mark.parametrize("method", ["ce", "kd"])
def test_a_method_without_a_weight_net_yields_no_weights(events_of, method):
    events = events_of(method)
    done, frame = events[-2], events[-3]
    assert done.w_hard_per_class is None
    assert done.hypergradient_norm is None
    assert frame.weights is None
    assert frame.histograms is None
    assert (frame.ce_teacher is None) == (method == "ce")
    assert (done.train_soft_loss is None) == (method == "ce")


@pytest.mark.slow
def test_a_frame_holds_each_image_and_agrees_with_its_epoch(events_of):
    events = events_of("bikd")
    panel = next(e for e in events if isinstance(e, Panel))
    started = next(e for e in events if isinstance(e, RunStarted))
    frame, done = events[-3], events[-2]
    labels = panel.labels.astype(int)
    assert tuple(np.bincount(labels)) == started.class_counts
    np.testing.assert_array_equal(frame.histograms.sum(axis=2), [started.class_counts] * 2)
    # A few float16 weights may fall on the other side of a bin's edge.
    rebuilt = weight_histograms(frame.weights, labels, 10)
    assert np.abs(rebuilt - frame.histograms).sum() <= 0.05 * 2 * 2 * len(labels)
    means = mean_per_class(frame.weights[:, 0], labels, 10)
    assert means == pytest.approx(done.w_hard_per_class, abs=1e-3)
    assert frame.ce_student.mean() == pytest.approx(done.train_hard_loss, rel=1e-4)
    assert frame.confusion.sum() == started.num_test
    assert done.accuracy == pytest.approx(frame.confusion.trace() / frame.confusion.sum())
    assert frame.influence.shape == frame.weights.shape == (len(labels), 2)


@pytest.mark.slow
def test_the_surface_is_the_output_of_the_weight_net(places, digits, stored_teacher):
    training = Training(digits.changed(epochs=1), Control(), places)
    frame = next(event for event in training if isinstance(event, Frame))
    net = WeightNet(1, generator=torch.Generator())
    tensors = training.state().tensors
    prefix = "method.weight_net."
    net.load_state_dict(
        {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    )
    pair = torch.tensor([[SURFACE_AXIS[7], SURFACE_AXIS[30]]], dtype=torch.float32)
    expected = net(pair)[0].tolist()  # student's CE first
    assert frame.surface[:, 30, 7].tolist() == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
def test_the_teacher_is_in_eval_mode_and_never_changes(places, digits, stored_teacher):
    training = Training(digits.changed(epochs=1), Control(), places)
    events = iter(training)
    next(event for event in events if isinstance(event, Panel))
    teacher = training._loop.teacher
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    list(events)
    assert not teacher.training
    assert all(torch.equal(v, before[name]) for name, v in teacher.state_dict().items())


@pytest.mark.slow
def test_test_images_do_not_affect_training(places, digits, monkeypatch):
    # Another test set must not change the student or its weights.
    split = load_split(digits.data, places.data)
    other = dataclasses.replace(split, test=split.val)
    states = []
    for each in (split, other):
        loop = Loop(digits.changed(method="ce", epochs=2), each, None, torch.device("cpu"))
        for _ in range(2):
            list(loop.run_epoch(Control()))
        states.append(loop.state().tensors)
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.parametrize(
    ("method", "epoch"), first_quick([("ce", 1), ("ce", 2), ("bikd", 1), ("bikd", 2)])
)
def test_a_resumed_run_equals_an_undisturbed_one(places, digits, stored_teacher, method, epoch):
    config = digits.changed(method=method, inner_steps=3, epochs=4, augmentation="crop")
    whole = list(Training(config, Control(), places))
    training = Training(config, Control(), places)
    done = (event for event in training if isinstance(event, EpochDone))
    list(itertools.islice(done, epoch))
    resumed = list(Training(config, Control(), places, state=training.state()))
    assert comparable(resumed)[2:] == after_epoch(epoch, whole)


@pytest.mark.slow
def test_learning_rate_falls_at_two_thirds_and_five_sixths(run, digits):
    done = epochs(run(digits.changed(method="ce", epochs=6)))
    rates = [0.05] * 4 + [0.005] + [0.0005]
    assert [event.learning_rate for event in done] == pytest.approx(rates)


@pytest.mark.slow
def test_a_diverging_run_ends_with_epoch_step_losses_and_a_hint(run, digits, places):
    config = digits.changed(learning_rate=10, momentum=0.99, weight_decay=1, epochs=500)
    with pytest.raises(NonFiniteLoss, match=r"epoch \d+, step \d+ .*hard loss.*soft loss.*rate"):
        run(config)


def test_cuda_is_refused_on_a_machine_without_it(run, digits):
    if torch.cuda.is_available():
        assert epochs(run(digits.changed(device="cuda", epochs=1)))
        return
    with pytest.raises(ConfigError, match="device = 'cuda'"):
        run(digits.changed(device="cuda"))


def test_nothing_runs_until_pulled(digits, places):
    events = train(digits, Control(), places)
    assert not places.teachers.exists()
    events.close()


def test_generators_of_different_purposes_differ():
    draws = {
        torch.rand(1, generator=generator_for(seed, purpose)).item()
        for seed in (0, 1)
        for purpose in ("student", "order")
    }
    assert len(draws) == 4


# Control ----------------------------------------------------------------------------------------


def pull(events, kind):
    return next(event for event in events if isinstance(event, kind))


def test_stop_ends_the_events_after_the_current_step(places, digits, stored_teacher):
    control = Control()
    events = iter(Training(digits, control, places))
    pull(events, EpochDone)
    control.stop()
    assert not epochs(list(events))


@pytest.mark.parametrize(
    ("level", "inner_steps", "num_steps"), [("inner", 3, 1), ("outer", 3, 3), ("outer", 1, 1)]
)
def test_stepping_runs_to_the_end_of_its_level(
    places, digits, stored_teacher, level, inner_steps, num_steps
):
    control = Control()
    events = iter(Training(digits.changed(inner_steps=inner_steps), control, places))
    pull(events, Panel)
    control.step(level)
    seen = []
    for event in events:
        seen.append(event)
        if isinstance(event, ControlChanged) and event.control == "paused":
            control.stop()
    steps = [event for event in seen if isinstance(event, StepDone)]
    assert [event.step for event in steps] == list(range(1, num_steps + 1))
    assert steps[-1].weight_step or level == "inner"
    assert steps[-1].outer_loss > 0


@pytest.mark.parametrize("level", ["inner", "outer"])
def test_a_step_requested_during_training_is_a_whole_step(places, digits, stored_teacher, level):
    control = Control()
    events = iter(Training(digits, control, places))
    pull(events, EpochDone)
    control.step(level)  # the last step of the epoch was not watched
    seen = [type(next(events)) for _ in range(3)]
    assert seen == [StepTrace, StepDone, ControlChanged]
    control.stop()


@pytest.mark.slow
def test_the_trace_of_a_step_shows_its_batch_and_changes_nothing(places, digits, stored_teacher):
    config = digits.changed(method="bikd", epochs=1, batch_size=64)
    unwatched = list(Training(config, Control(), places))
    control = Control()
    events = iter(Training(config, control, places))
    panel = pull(events, Panel)
    control.step("epoch")
    watched = list(events)
    traces = [event for event in watched if isinstance(event, StepTrace)]
    frame, done = watched[-3], watched[-2]
    assert sorted(np.concatenate([trace.rows for trace in traces])) == list(
        range(len(panel.labels))
    )
    for trace in traces:
        np.testing.assert_allclose(trace.weights_after, frame.weights[trace.rows], atol=1e-3)
        np.testing.assert_array_equal(trace.influence, frame.influence[trace.rows])
        weighted = (trace.weights_after * np.stack([trace.ce_student, trace.soft], axis=1)).sum(1)
        np.testing.assert_allclose(trace.losses, weighted, rtol=1e-5)
        assert trace.weights_before.shape == trace.weights_after.shape
        assert np.isfinite(trace.outer_losses).all()
    assert comparable([frame, done]) == comparable(unwatched[-3:-1])


def test_stepping_an_epoch_pauses_after_its_summary(places, digits):
    control = Control()
    events = iter(Training(digits.changed(method="ce"), control, places))
    pull(events, Panel)
    control.step("epoch")
    kinds = []
    for event in events:
        kinds.append(type(event))
        if isinstance(event, ControlChanged):
            break
    assert kinds[-2:] == [EpochDone, ControlChanged]
    control.stop()
    list(events)


def test_pause_blocks_until_resumed(places, digits):
    control = Control()
    events = iter(Training(digits.changed(method="ce"), control, places))
    pull(events, EpochDone)
    control.pause()
    assert pull(events, ControlChanged).control == "paused"
    waker = threading.Timer(0.2, control.resume)
    waker.start()
    assert pull(events, ControlChanged).control == "resumed"
    assert not waker.is_alive()
    assert len(epochs(list(events))) == 2


def test_a_new_learning_rate_is_an_event_and_takes_effect(places, digits):
    control = Control()
    events = iter(Training(digits.changed(method="ce"), control, places))
    pull(events, EpochDone)
    control.set_learning_rate(0.02)
    change = pull(events, ControlChanged)
    assert (change.control, change.value) == ("learning_rate", 0.02)
    # The second of three epochs has the full rate, the third a tenth of it.
    rates = [event.learning_rate for event in epochs(list(events))]
    assert rates == pytest.approx([0.02, 0.002])


@pytest.mark.slow
def test_a_slowed_run_trains_the_same_and_stays_slow_when_resumed(places, digits, events_of):
    control, digits = Control(), digits.changed(method="ce")
    training = Training(digits, control, places)
    events = iter(training)
    pull(events, EpochDone)
    control.set_speed(50)
    change = pull(events, ControlChanged)
    assert (change.control, change.value) == ("speed", 50)
    pull(events, EpochDone)
    state = training.state()
    resumed = Training(digits, Control(), places, state=state)
    whole = events_of("ce")
    assert comparable(list(resumed))[-2:] == comparable(whole)[-2:]
    assert state.values["speed"] == 50
    assert epochs(list(events))[-1].accuracy == epochs(whole)[-1].accuracy


def test_the_default_config_has_the_recipe_of_the_digits_preset():
    training = RunConfig().training
    assert (training.batch_size, training.learning_rate, training.epochs) == (64, 0.05, 60)


@pytest.mark.parametrize("method", ["bikd", "ce"])
def test_a_frame_keeps_the_most_probable_classes_of_each_image(events_of, digits, places, method):
    frames = [event for event in events_of(method) if isinstance(event, Frame)]
    frame = frames[-1]
    labels = load_split(digits.data, places.data).train.labels.numpy()
    share = frame.student_belief / 255
    assert frame.student_top.shape == frame.student_belief.shape == (len(labels), 3)
    assert (np.diff(share, axis=1) <= 0).all()
    assert (share.sum(axis=1) <= 1 + 3 / 255).all()
    assert (frame.teacher_top is None) == (method == "ce")
    # If the label is among the three, its probability is exp(-CE) at the same step.
    rows, ranks = np.nonzero(frame.student_top == labels[:, None])
    assert len(rows) > len(labels) / 2
    expected = np.exp(-frame.ce_student[rows].astype(np.float64))
    assert share[rows, ranks] == pytest.approx(expected, abs=0.5 / 255 + 1e-6)


def test_what_is_set_before_a_runs_teacher_is_trained_waits_for_the_run(
    places, digits, quick_teacher
):
    control = Control()
    control.set_speed(100)
    control.set_learning_rate(0.02)
    events = list(Training(digits.changed(method="kd", epochs=1), control, places))
    kinds = [type(event) for event in events]
    assert ControlChanged not in kinds[: kinds.index(RunStarted)]
    changes = {e.control: e.value for e in events if isinstance(e, ControlChanged)}
    assert changes == {"speed": 100, "learning_rate": 0.02}
