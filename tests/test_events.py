import dataclasses
import json
import math
from typing import Annotated, Any, TypeVar, get_args

import numpy as np
import pytest
from typing_extensions import TypeAliasType

from bikd_core.events import (
    ClassBiasesFitted,
    ControlChanged,
    EpochDone,
    Event,
    Frame,
    Panel,
    RunFailed,
    RunStarted,
    StepDone,
    TeacherEpochDone,
    TeacherViewsDone,
    from_json,
    to_json,
)
from bikd_core.store.layouts import Layout, arrays, layouts

EPOCH = EpochDone(
    epoch=1,
    step=5,
    seconds=0.125,
    images_per_second=2400.0,
    learning_rate=0.05,
    train_hard_loss=2.25,
    train_soft_loss=1.5,
    train_weighted_loss=1.75,
    val_loss=2.0,
    test_loss=2.125,
    accuracy=0.75,
    accuracy_many=1.0,
    accuracy_medium=0.75,
    accuracy_few=0.5,
    accuracy_per_class=(1.0, 0.5),
    calibration_error=0.0625,
    w_hard_per_class=(0.5, 0.75),
    w_soft_per_class=(0.5, 0.25),
    hypergradient_norm=0.001,
    hypergradient_cosine=-0.5,
    saturated_share=0.0,
    warnings=("a warning",),
)
STARTED = RunStarted(
    class_names=("zero", "one"),
    class_counts=(100, 2),
    num_val=20,
    num_test=116,
    data_fingerprint="0123456789abcdef",
    teacher="digits-digits_cnn_l-3f2a9c",
    teacher_accuracy_per_class=(1.0, 0.5),
    device="cpu",
    precision="float32",
    estimator="forward",
    num_threads=1,
    versions={"torch": "2.14.1"},
)
FITTED = ClassBiasesFitted(
    epoch=1,
    num_val=20,
    biases=(-0.5, 0.5),
    temperature=1.25,
    val_loss=1.5,
    val_accuracy=0.75,
    test_loss=1.625,
    accuracy=0.875,
    accuracy_many=0.875,
    accuracy_medium=0.875,
    accuracy_few=0.75,
    accuracy_per_class=(0.875, 0.875),
    calibration_error=0.0625,
    warnings=("a warning",),
)
EVENTS = [
    FITTED,
    STARTED,
    TeacherViewsDone(done=500, total=1200),
    TeacherEpochDone(epoch=1, epochs=60, seconds=0.5, accuracy=0.75),
    TeacherEpochDone(epoch=1, epochs=60, seconds=0.5, accuracy=0.75, fold=(2, 5)),
    StepDone(epoch=1, step=3, weighted_loss=1.5, outer_loss=2.0, weight_step=True),
    StepDone(epoch=1, step=4, weighted_loss=1.5, outer_loss=None, weight_step=False),
    EPOCH,
    ControlChanged(epoch=2, step=7, control="paused"),
    ControlChanged(epoch=2, step=7, control="learning_rate", value=0.01),
    RunFailed(reason="The loss is not finite in epoch 2, step 8."),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_survives_its_line_of_json(event):
    line = to_json(event)
    assert "\n" not in line
    assert from_json(line) == event


def test_every_kind_of_event_is_tried_above():
    assert {type(event) for event in EVENTS} == set(get_args(Event))


def test_an_epochs_line_holds_all_its_fields_by_name():
    values = json.loads(to_json(EPOCH))
    assert set(values) == {field.name for field in dataclasses.fields(EpochDone)}
    assert values["accuracy_per_class"] == [1.0, 0.5]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_becomes_null_in_json(value):
    event = dataclasses.replace(EPOCH, val_loss=value, accuracy_per_class=(0.5, value))
    values = json.loads(to_json(event))
    assert values["val_loss"] is None
    assert values["accuracy_per_class"] == [0.5, None]


def test_a_loss_that_was_not_finite_is_not_a_number_when_it_is_read_back():
    line = to_json(dataclasses.replace(EPOCH, train_hard_loss=math.inf, train_soft_loss=math.nan))
    again = from_json(line)
    assert math.isnan(again.train_hard_loss)
    assert again.train_soft_loss is None
    step = StepDone(epoch=1, step=3, weighted_loss=math.nan, outer_loss=None, weight_step=False)
    assert math.isnan(from_json(to_json(step)).weighted_loss)


def test_fields_that_earlier_versions_did_not_write_take_their_defaults():
    values = json.loads(to_json(EPOCH))
    del values["val_accuracy"]
    assert from_json(json.dumps(values)) == EPOCH
    values = json.loads(to_json(STARTED))
    del values["memory_format"], values["is_compiled"], values["warnings"], values["fold_teachers"]
    assert from_json(json.dumps(values)) == STARTED
    teacher = TeacherEpochDone(epoch=1, epochs=60, seconds=0.5, accuracy=0.75)
    values = json.loads(to_json(teacher))
    del values["fold"]
    assert from_json(json.dumps(values)) == teacher


@pytest.mark.parametrize(
    ("event", "field", "value"),
    [
        (EPOCH, "accuracy", "x"),
        (EPOCH, "accuracy", "0.5"),
        (EPOCH, "accuracy", None),
        (EPOCH, "accuracy", math.nan),
        (EPOCH, "accuracy", -0.5),
        (EPOCH, "accuracy_per_class", 0.5),
        (EPOCH, "accuracy_per_class", [0.5, None]),
        (EPOCH, "val_loss", math.inf),
        (EPOCH, "val_loss", 1e300),
        (EPOCH, "test_loss", None),
        (EPOCH, "train_hard_loss", "1"),
        (EPOCH, "seconds", 1e308),
        (EPOCH, "images_per_second", 0),
        (EPOCH, "epoch", "1"),
        (EPOCH, "epoch", 1.5),
        (EPOCH, "epoch", 0),
        (EPOCH, "step", -1),
        (EPOCH, "warnings", "one"),
        (STARTED, "class_counts", [100, -2]),
        (STARTED, "label_counts", [102, 0]),
        (STARTED, "class_names", ["zero", 1]),
        (STARTED, "versions", {"torch": 2}),
        (FITTED, "temperature", 0),
        (FITTED, "biases", [0.5, None]),
        (FITTED, "biases", [math.inf, 0.5]),
        (FITTED, "accuracy", None),
        (FITTED, "num_val", 0),
        (ControlChanged(epoch=2, step=7, control="paused"), "control", "danced"),
        (ControlChanged(epoch=2, step=7, control="speed"), "value", 0),
    ],
)
def test_a_value_of_another_type_or_range_is_refused_with_field_and_value(event, field, value):
    line = json.dumps(json.loads(to_json(event)) | {field: value})
    with pytest.raises(ValueError, match=rf"^not an event: {event.kind}: {field}"):
        from_json(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        '{"kind": "ste',
        "[]",
        "3",
        "{}",
        '{"kind": null}',
        '{"kind": ["epoch"]}',
        '{"kind": "no such kind"}',
        '{"kind": "epoch", "epoch": 1}',
        '{"kind": "failed", "reason": "x", "unknown": 1}',
    ],
)
def test_a_line_that_is_no_event_is_refused(line):
    with pytest.raises(ValueError, match=r"^not an event: "):
        from_json(line)


def test_events_are_values_that_nobody_can_change():
    assert dataclasses.replace(EPOCH) == EPOCH
    assert dataclasses.replace(EPOCH, epoch=2) != EPOCH
    with pytest.raises(dataclasses.FrozenInstanceError):
        EPOCH.epoch = 2  # type: ignore[misc]


def test_wall_clock_fields_are_fields():
    assert set(EpochDone.WALL_CLOCK) <= {field.name for field in dataclasses.fields(EpochDone)}


def test_only_the_arrays_that_are_there_go_to_a_file():
    panel = Panel(labels=np.zeros(3, np.int16), original_indices=np.arange(3, dtype=np.int32))
    frame = Frame(epoch=1, ce_student=np.ones(3, np.float32), confusion=np.zeros((2, 2), np.int32))
    assert set(arrays(panel)) == {"labels", "original_indices"}
    assert set(arrays(frame)) == {"ce_student", "confusion"}


@pytest.mark.parametrize("optional", [False, True])
def test_layouts_are_read_where_numpys_array_type_keeps_its_own_argument(optional):
    """As from numpy 2.5 on, where Python is at least 3.12."""
    scalar = TypeVar("scalar", bound=np.generic)
    aliased: Any = TypeAliasType(
        "aliased", np.ndarray[tuple[Any, ...], np.dtype[scalar]], type_params=(scalar,)
    )
    array = aliased[np.uint8]
    hint = Annotated[array | None if optional else array, "N 2"]
    panel = type("Aliased", (), {"__annotations__": {"pixels": hint}})
    assert layouts(panel) == {"pixels": Layout(np.uint8, ("N", "2"), optional)}
