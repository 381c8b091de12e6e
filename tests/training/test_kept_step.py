"""The steps that each run keeps, though nobody steps."""

import itertools

import numpy as np
import pytest

from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.events import StepDone, StepTrace
from bikd_core.training import Training
from bikd_core.training.kept_step import kept_epochs
from bikd_core.training.together import TogetherTraining
from tests.repeated import first_quick

RELATIVE = {"weight_scale": "relative"}


@pytest.mark.parametrize(
    ("controls", "epochs"),
    [
        ({"epochs": 60}, {1, 30, 60}),
        ({"epochs": 200, "method": "kd"}, {1, 100, 200}),
        ({"epochs": 1}, {1}),
        ({"epochs": 60, "outer_from": 0.7} | RELATIVE, {1, 30, 43, 60}),
        ({"epochs": 9, "warm_up": 3}, {1, 4, 5, 9}),
        ({"epochs": 3, "warm_up": 50}, {1, 2, 3}),
    ],
)
def test_a_step_of_first_middle_last_and_first_weighted_epoch_is_kept(controls, epochs):
    assert kept_epochs(RunConfig.from_flat(controls)) == epochs


def first_of_each(steps):
    """Return the first number of the steps in each epoch, given as pairs (epoch, step)."""
    return {epoch: next(group)[1] for epoch, group in itertools.groupby(steps, lambda s: s[0])}


@pytest.mark.parametrize(
    "options",
    first_quick(
        [
            {"inner_steps": 3, "outer_every": 2},
            {"inner_steps": 3, "outer_every": 2, "drop_window": True},
            {"inner_steps": 2, "warm_up": 1},
            {"inner_steps": 100},
            {"outer_from": 0.7, "inner_steps": 2} | RELATIVE,
        ]
    ),
)
def test_the_kept_step_is_the_first_one_in_which_the_weight_net_moves(
    places, digits, stored_teacher, options
):
    config = digits.changed(method="bikd", **options)
    kept = [event for event in Training(config, Control(), places) if isinstance(event, StepTrace)]
    control = Control()
    steps = []
    for event in Training(config, control, places):
        if isinstance(event, StepDone):
            steps.append(event)
        control.step("epoch")  # so that each step is an event and nothing pauses
    moves = first_of_each((e.epoch, e.step) for e in steps if e.weight_step)
    begins = first_of_each((e.epoch, e.step) for e in steps)
    assert {trace.epoch: trace.step for trace in kept} == begins | moves


def test_without_a_weight_net_the_first_step_of_the_epoch_is_kept(events_of):
    kept = [event for event in events_of("ce") if isinstance(event, StepTrace)]
    steps_per_epoch = kept[1].step - 1
    assert [(t.epoch, t.step) for t in kept] == [
        (epoch, 1 + (epoch - 1) * steps_per_epoch) for epoch in (1, 2, 3)
    ]
    assert all(np.isfinite(trace.parts).all() for trace in kept)


def test_runs_that_train_together_keep_the_steps_of_runs_alone(places, digits, stored_teacher):
    runs = [digits.changed(method="bikd", inner_steps=2, seed=seed) for seed in (0, 1)]
    shared = [
        (number, event)
        for number, event in TogetherTraining(runs, Control(), places)
        if isinstance(event, StepTrace)
    ]
    alone = [e for e in Training(runs[1], Control(), places) if isinstance(e, StepTrace)]
    own = [event for number, event in shared if number == 1]
    assert [(e.epoch, e.step) for e in own] == [(e.epoch, e.step) for e in alone]
    np.testing.assert_array_equal(own[0].rows, alone[0].rows)
    np.testing.assert_allclose(own[0].losses, alone[0].losses, rtol=1e-4)
    assert len(shared) == 2 * len(alone)
