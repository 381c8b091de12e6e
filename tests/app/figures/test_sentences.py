"""What the figures say where there is little to say: no tail, ties, none or few seeds."""

import dataclasses
import re

import numpy as np
import pytest

from app import figures
from app.figures import comparison
from app.figures import step as step_figures
from app.figures.step import Step
from bikd_core.config import RunConfig
from tests import made_up
from tests.app.figures import test_step
from tests.app.figures.test_comparison import results
from tests.made_up import epoch_done, histograms, started

LEVEL = RunConfig.from_flat(
    {"imbalance_factor": 1.0, "class_shifts": "each", "weight_scale": "relative", "epochs": 3}
)
STARTED = started(LEVEL)
EPOCHS = [epoch_done(number, LEVEL) for number in (1, 2, 3)]
ANY_GROUP = re.compile(r"\b(few|many|medium)\b|\b(head|tail) (class|third)|few-|many-")


def level_drawings():
    """Every figure that says something of groups, for classes of equal size."""
    last, counts = EPOCHS[-1], histograms(LEVEL, EPOCHS[-1])
    pulled = dataclasses.replace(last, pull_hard_per_class=(0.1, -0.2, *[0.0] * 8))
    matrix = np.eye(10, dtype=np.int32) * 6 + 1
    fitted = made_up.class_biases(LEVEL)
    biased = dict(fitted=fitted, has_groups=False)
    return {
        "weights": figures.weight_distribution(counts, last, STARTED, "hard", scale="relative"),
        "mean_weights": figures.mean_weights(EPOCHS, STARTED, 3, 3, "relative"),
        "accuracy": figures.accuracy_over_epochs(EPOCHS, [], 3, 3, **biased),
        "confusion": figures.confusion(matrix, STARTED, 3),
        "difference": figures.confusion_difference((matrix, matrix), STARTED, (3, 3)),
        "pull": figures.class_pull(pulled, STARTED),
        "influence": figures.class_influence(pulled, STARTED),
        "shifts": figures.class_shifts(EPOCHS, STARTED, 3),
        "shifts_over_epochs": figures.shifts_over_epochs(EPOCHS, STARTED, 3, 3),
        "class_biases": figures.class_biases(fitted, STARTED),
    }


@pytest.mark.parametrize("name", level_drawings())
def test_without_imbalance_no_class_is_called_few_many_head_or_tail(name):
    drawing = level_drawings()[name]
    assert drawing.sentence
    assert not ANY_GROUP.search(drawing.sentence), drawing.sentence


def test_without_imbalance_the_lines_of_the_groups_are_one_line():
    drawn = level_drawings()
    assert [trace["uid"] for trace in drawn["accuracy"].data] == ["balanced", "class-biases"]
    assert {trace["uid"] for trace in drawn["mean_weights"].data} == {"hard-all", "soft-all"}
    assert "of 106 images each" in drawn["weights"].sentence


def test_without_imbalance_a_step_tells_no_groups_apart():
    begun = dataclasses.replace(test_step.STARTED, class_counts=(9, 9, 9))
    step, plain = (
        Step(trace, test_step.LABELS, begun, 1, np.arange(6), "hard")
        for trace in (test_step.TRACE, test_step.PLAIN)
    )
    drawings = [
        step_figures.batch(step),
        step_figures.influence(step, "hard"),
        step_figures.new_weights(step, "hard"),
        step_figures.pull(step),
        step_figures.pull(plain),
    ]
    for drawing in drawings:
        assert not ANY_GROUP.search(drawing.sentence.lower()), drawing.sentence


def compared(num_seeds, factor=50.0, **more):
    made = results({"kd": [0.5] * num_seeds, "bikd": [0.5] * num_seeds}, **more)
    config = RunConfig.from_flat({"imbalance_factor": factor})
    return dataclasses.replace(made, class_counts=started(config).class_counts)


def test_one_seed_claims_no_interval_of_any_class():
    sentence = comparison.class_differences(compared(1)).sentence
    assert "interval includes 0" not in sentence
    assert "one common seed has no interval, so nothing is claimed of a class." in sentence
    assert "every class's interval includes 0" in comparison.class_differences(compared(2)).sentence


@pytest.mark.parametrize("num_seeds", [0, 1, 2])
@pytest.mark.parametrize("factor", [1.0, 50.0])
@pytest.mark.parametrize("name", ["who_wins", "differences", "class_differences", "cost"])
def test_a_comparison_of_level_methods_claims_no_winner(name, num_seeds, factor):
    turns = {"kd": (0.1, 0.1), "bikd": (0.1, 0.1)}
    drawing = getattr(comparison, name)(compared(num_seeds, factor, turns=turns))
    assert drawing.sentence
    assert not re.search(r"Ahead|Behind|Slowest|excludes 0|best there", drawing.sentence)
    assert not re.search(r"\+0\.0 points.*better|nan|None(?! takes)", drawing.sentence)
    if factor == 1:
        assert not ANY_GROUP.search(drawing.sentence.replace("few steps", ""))
    if num_seeds < 2:
        assert "interval includes" not in drawing.sentence
