"""The parts of a step's loss by value, as the trace keeps them: for any objective."""

import dataclasses

import numpy as np
import pytest

from app.figures import step as figures
from app.figures.step.outer_losses import outer_parts
from tests.app.figures.test_step import PLAIN, TRACE, step_of, traces

PARTS = np.array([[0.1, 0.2]] * 3 + [[0.4, 0.0]] * 2 + [[0.6, 0.3]], np.float32)


def test_of_any_objective_the_pull_is_made_of_the_parts_that_the_trace_keeps():
    """The virtual step has the weights before: 0.5 / 0.52 of the hard part of the tail."""
    step = dataclasses.replace(step_of(parts=PARTS), has_plain_losses=False)
    bars = traces(figures.pull(step))
    hard = np.array([0.3, 0.8 * 0.5 / 0.51, 0.6 * 0.5 / 0.52]) / 6
    assert bars["pull-hard"]["x"] == pytest.approx(hard, abs=1e-5)
    assert bars["pull-soft"]["x"] == pytest.approx(np.array([0.6, 0.0, 0.3]) / 6, abs=1e-5)
    sentence = figures.pull(step).sentence
    assert f"{hard.sum():.3f} from the hard loss (mean weight 0.50)" in sentence
    assert "0.150 from the soft loss (0.40)" in sentence


def test_the_parts_of_a_method_without_a_weight_net_are_split_too():
    step = step_of(PLAIN, parts=PARTS, losses=PARTS.sum(axis=1))
    bars = traces(figures.pull(step))
    assert bars["pull-hard"]["x"] == pytest.approx(np.array([0.3, 0.8, 0.6]) / 6, abs=1e-5)
    assert [bar["name"] for bar in bars.values()] == ["hard loss", "soft loss"]
    assert "plain mean, 0.433 (0.283 from the hard loss, 0.150 from the soft loss); few-shot" in (
        figures.pull(step).sentence
    )
    alone = dataclasses.replace(step_of(PLAIN, parts=PARTS * (1, 0)), kinds=("hard",))
    assert [trace["name"] for trace in figures.pull(alone).data] == ["loss"]


def test_coefficients_of_the_objective_count_in_what_each_third_did_to_d_val():
    coefficients = np.array([[0.25, 2.0]] * 6, np.float32)
    expected = outer_parts(step_of()) * (0.25, 2.0)
    step = dataclasses.replace(step_of(coefficients=coefficients), has_unit_coefficients=False)
    assert step.knows_coefficients
    assert outer_parts(step) == pytest.approx(expected)
    assert not dataclasses.replace(step_of(), has_unit_coefficients=False).knows_coefficients


def test_a_weight_of_zero_has_no_part():
    weights = TRACE.weights_after * (1, 0)
    step = step_of(weights_before=weights, weights_after=weights, parts=PARTS * (1, 0))
    assert step.parts() == pytest.approx(PARTS * (1, 0))
