"""Class biases in the accuracy figures and beside −log π, by value."""

import json

import numpy as np
import pytest

from app import figures
from bikd_core.config import RunConfig
from tests.made_up import class_biases, epoch_done, started

CONFIG = RunConfig.from_flat({"method": "kd", "epochs": 4})
STARTED = started(CONFIG)
EPOCHS = [epoch_done(number, CONFIG) for number in range(1, 5)]
FITTED = class_biases(CONFIG)


def traces(drawing):
    return {trace["uid"]: trace for trace in drawing.data}


def test_stars_at_the_last_epoch_are_the_accuracies_with_class_biases():
    drawing = figures.accuracy_over_epochs(EPOCHS, [], 2, 4, FITTED)
    stars = traces(drawing)["class-biases"]
    assert stars["x"] == [4] * 4
    after = (FITTED.accuracy, FITTED.accuracy_many, FITTED.accuracy_medium, FITTED.accuracy_few)
    assert stars["y"] == pytest.approx([100 * value for value in after], abs=1e-3)
    assert stars["text"] == ["balanced", "many", "medium", "few"]
    assert (
        f"fitted to 100 images of D_val after epoch 4, {FITTED.accuracy:.1%}".replace("%", " %")
        in drawing.sentence
    )
    named = [trace["name"] for trace in drawing.data if trace.get("showlegend")]
    assert drawing.layout["showlegend"]
    assert named == ["with class biases"]


def test_a_run_without_class_biases_is_drawn_as_before():
    drawing = figures.accuracy_over_epochs(EPOCHS, [], 2, 4)
    assert not drawing.layout["showlegend"]
    assert "Stars" not in drawing.sentence
    assert set(traces(drawing)) == {"balanced", "many", "medium", "few"}


def test_stars_by_class_stand_at_the_epoch_whose_student_they_belong_to():
    drawing = figures.class_accuracy(EPOCHS[3], STARTED, FITTED)
    expected = [round(100 * value, 1) for value in FITTED.accuracy_per_class]
    assert traces(drawing)["class-biases"]["x"] == expected  # the made-up classes go head to tail
    assert "Stars: with class biases" in drawing.sentence
    earlier = figures.class_accuracy(EPOCHS[2], STARTED, FITTED)
    assert "class-biases" not in traces(earlier)
    assert "Stars" not in earlier.sentence


def test_biases_stand_beside_what_would_undo_the_class_counts():
    drawing = figures.class_biases(FITTED, STARTED)
    drawn = traces(drawing)
    prior = np.log(np.array(STARTED.class_counts))
    assert drawn["class-biases"]["x"] == pytest.approx(FITTED.biases, abs=1e-4)
    assert drawn["minus-log-prior"]["x"] == pytest.approx(prior.mean() - prior, abs=1e-4)
    assert "at temperature 1.25." in drawing.sentence
    tail, head = np.mean(FITTED.biases[-3:]), np.mean(FITTED.biases[:3])
    assert (
        f"{tail:+.2f} nats on few-shot classes, −{-head:.2f} on many-shot ones" in drawing.sentence
    )
    json.dumps(drawing._asdict(), allow_nan=False)


def test_the_figure_says_why_a_temperature_was_not_fitted():
    fitted = class_biases(CONFIG, temperature=1.0, warnings=("It stays at 1.",))
    assert figures.class_biases(fitted, STARTED).sentence.endswith("It stays at 1.")


def test_a_hundred_classes_are_drawn_without_their_names():
    config = RunConfig.from_flat({"dataset": "cifar100", "epochs": 2, "method": "kd"})
    drawing = figures.class_biases(class_biases(config), started(config))
    assert len(traces(drawing)["class-biases"]["x"]) == 100
    assert not drawing.layout["annotations"]
