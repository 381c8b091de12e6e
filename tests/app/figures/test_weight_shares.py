"""What the weights amount to over the epochs, by value."""

import dataclasses
import json

import pytest

from app import figures
from bikd_core.config import RunConfig
from tests.made_up import epoch_done, started

CONFIG = RunConfig.from_flat({"epochs": 10})
STARTED = started(CONFIG)
TOTAL = sum(STARTED.class_counts)


def epochs_with(**columns):
    """One epoch for each value of the columns, which are of equal length."""
    rows = zip(*columns.values(), strict=True)
    return [
        dataclasses.replace(epoch_done(number, CONFIG), **dict(zip(columns, row, strict=True)))
        for number, row in enumerate(rows, 1)
    ]


def lines(drawing):
    return {trace["uid"]: trace["y"] for trace in drawing.data}


def test_the_mean_weight_counts_each_image_and_is_said_as_a_factor():
    head_only = (1.0, *[0.0] * 9)
    epochs = epochs_with(
        w_hard_per_class=((0.5,) * 10, head_only), w_soft_per_class=((0.25,) * 10,) * 2
    )
    drawing = figures.mean_factor(epochs, STARTED, 1, 10)
    assert lines(drawing) == {
        "hard": [0.5, pytest.approx(106 / TOTAL, abs=1e-4)],
        "soft": [0.25, 0.25],
    }
    assert drawing.sentence == (
        "At epoch 1 the mean weight is 0.50 for the hard loss and 0.25 for the soft loss. That is "
        "a factor on the learning rate: of 0.05 it leaves 0.025 and 0.013."
    )
    assert drawing.layout["yaxis"]["range"] == [0, 1.25]
    [_, own] = drawing.layout["shapes"]
    assert (own["y0"], own["y1"], own["yref"]) == (1, 1, "y")


def test_relative_weights_leave_the_learning_rate_alone():
    epochs = epochs_with(w_hard_per_class=((1.0,) * 10,), w_soft_per_class=(None,))
    drawing = figures.mean_factor(epochs, STARTED, 1, 10, "relative")
    assert lines(drawing) == {"hard": [1.0]}
    assert drawing.sentence.startswith("At epoch 1 the mean weight is 1.00 for the hard loss: ")
    assert "leave the learning rate as it is" in drawing.sentence


def test_half_of_the_weight_on_few_images_warns_with_advice():
    epochs = epochs_with(half_weight_share=((0.5, 0.4), (0.3, 0.09)))
    fine = figures.half_weight(epochs, 1, 10, "relative")
    assert lines(fine) == {"hard": [50, 30], "soft": [40, 9]}
    assert fine.sentence == (
        "At epoch 1 half of the hard-loss weight is on 50.0 % of the images and half of the "
        "soft-loss weight is on 40.0 % of the images (equal weights: 50 %)."
    )
    collapsed = figures.half_weight(epochs, 2, 10, "relative").sentence
    assert "the weights have collapsed on a few pictures. Lower the weight net's" in collapsed
    assert "Weights begin after" in collapsed
    assert "Weights begin after" not in figures.half_weight(epochs, 2, 10).sentence


def test_a_method_with_one_loss_has_one_line_and_an_earlier_epoch_is_a_gap():
    epochs = epochs_with(half_weight_share=(None, (0.3,)))
    drawing = figures.half_weight(epochs, 1, 10, "relative")
    assert lines(drawing) == {"hard": [None, 30]}
    assert drawing.sentence == "Epoch 1 did not keep it."
    assert figures.half_weight(epochs_with(half_weight_share=(None,)), 1, 10).data == []


@pytest.mark.parametrize(("share", "warns"), [(0.89, False), (0.91, True)])
def test_relative_weights_at_their_limit_warn_where_most_are(share, warns):
    drawing = figures.saturated_share(
        epochs_with(saturated_share=(share,)), 1, 10, scale="relative"
    )
    assert drawing.title == "How many weights are at their limit?"
    assert f"{100 * share:.1f} % of the weights are at the least or the most" in drawing.sentence
    assert ("Lower the weight net's learning rate" in drawing.sentence) == warns


def test_figures_are_strict_json_with_their_sentence_in_the_alt_text():
    epochs = epochs_with(half_weight_share=((0.5, 0.4), (0.3, 0.09)))
    for drawing in (
        figures.mean_factor(epochs, STARTED, 2, 10),
        figures.half_weight(epochs, 2, 10),
    ):
        json.dumps(drawing._asdict(), allow_nan=False)
        assert drawing.sentence in drawing.alt
        assert drawing.title.endswith("?")
