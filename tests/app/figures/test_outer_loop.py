"""The outer loop's figures by value."""

import dataclasses
import json

import pytest

from app import figures
from bikd_core.config import RunConfig
from bikd_core.events import ControlChanged
from tests.made_up import epoch_done


def epochs_with(**columns):
    """One epoch for each value of the columns, which are of equal length."""
    config = RunConfig.from_flat({"epochs": 10})
    rows = zip(*columns.values(), strict=True)
    return [
        dataclasses.replace(epoch_done(number, config), **dict(zip(columns, row, strict=True)))
        for number, row in enumerate(rows, 1)
    ]


EPOCHS = epochs_with(
    val_loss=(2.0, 1.5, 1.0),
    test_loss=(2.0, 1.75, 1.1),
    hypergradient_norm=(0.02, 0.00004, 0.001),
    hypergradient_cosine=(None, 0.9, -0.3),
    saturated_share=(0.0, 0.25, 0.125),
)
OVER_EPOCHS = {
    "hypergradient_norm": figures.hypergradient_norm,
    "hypergradient_cosine": figures.hypergradient_cosine,
    "saturated_share": figures.saturated_share,
}


def test_both_losses_are_drawn_and_the_gap_is_read():
    drawing = figures.outer_losses(EPOCHS, [], chosen=3, planned=10)
    lines = {trace["name"]: trace["y"] for trace in drawing.data}
    assert lines == {"D_val": [2.0, 1.5, 1.0], "test": [2.0, 1.75, 1.1]}
    assert drawing.data[1]["fill"] == "tonexty"
    assert drawing.layout["yaxis"]["range"] == [0, 2.0]
    assert drawing.sentence == (
        "At epoch 3 D_val's loss is 1.00, the test set's 1.10: D_val is overfitted by 0.10 "
        "(at most 0.25, at epoch 2)."
    )


def test_no_gap_is_no_overfitting():
    sentence = figures.outer_losses(EPOCHS, [], chosen=1, planned=10).sentence
    assert "D_val is not overfitted (at most 0.25, at epoch 2)." in sentence
    sentence = figures.outer_losses(EPOCHS[:1], [], chosen=1, planned=10).sentence
    assert sentence.endswith("D_val is not overfitted.")


def test_changes_of_the_learning_rate_are_marked_on_the_losses():
    change = ControlChanged(epoch=2, step=9, control="learning_rate", value=0.01)
    layout = figures.outer_losses(EPOCHS, [change], chosen=3, planned=10).layout
    assert [line["x0"] for line in layout["shapes"]] == [3, 2]
    assert layout["annotations"][-1]["text"] == "learning rate 0.01"


def test_norms_of_any_size_keep_their_digits_on_whole_decades():
    drawing = figures.hypergradient_norm(EPOCHS, chosen=2, planned=10)
    assert drawing.data[0]["y"] == [0.02, 0.00004, 0.001]
    assert drawing.layout["yaxis"]["type"] == "log"
    assert drawing.layout["yaxis"]["range"] == [-5, -1]
    assert drawing.sentence == (
        "At epoch 2 the norm of the hypergradient is 4e-05, 0.2 % of its highest (0.02 at epoch 1)."
    )


@pytest.mark.parametrize("missing", [None, 0.0])
def test_an_epoch_without_a_norm_is_a_gap_and_its_neighbours_are_points(missing):
    epochs = epochs_with(hypergradient_norm=(0.1, missing, 0.2, missing))
    drawing = figures.hypergradient_norm(epochs, chosen=2, planned=10)
    assert drawing.data[0]["y"] == [0.1, None, 0.2, None]
    assert drawing.data[0]["mode"] == "lines+markers"
    assert "no norm" in drawing.sentence


@pytest.mark.parametrize(
    ("cosine", "words"),
    [
        (0.9, "pull the same way"),
        (0.2, "agree a little"),
        (-0.05, "nothing in common"),
        (-0.3, "pull against each other"),
    ],
)
def test_the_cosine_is_read(cosine, words):
    epochs = epochs_with(hypergradient_cosine=(None, cosine))
    drawing = figures.hypergradient_cosine(epochs, chosen=2, planned=10)
    assert words in drawing.sentence
    assert f"Mean of the run: {cosine:.2f}." in drawing.sentence
    assert drawing.layout["yaxis"]["range"] == [-1.05, 1.05]


def test_the_saturated_share_is_drawn_in_percent():
    drawing = figures.saturated_share(EPOCHS, chosen=3, planned=10)
    assert drawing.data[0]["y"] == [0, 25, 12.5]
    assert drawing.sentence == (
        "At epoch 3 12.5 % of the weights are below 0.05 or above 0.95. Most so far: 25.0 % at"
        " epoch 2."
    )


@pytest.mark.parametrize("name", OVER_EPOCHS)
def test_without_any_value_the_figure_says_why_it_is_empty(name):
    drawing = OVER_EPOCHS[name](epochs_with(**{name: (None, None)}), 1, 10)
    assert drawing.data == []
    assert drawing.sentence


@pytest.mark.parametrize("name", OVER_EPOCHS)
def test_figures_mark_the_chosen_epoch_and_are_strict_json(name):
    drawing = OVER_EPOCHS[name](EPOCHS, 2, 10)
    json.dumps(drawing._asdict(), allow_nan=False)
    assert drawing.layout["shapes"][0]["x0"] == 2
    assert drawing.title.endswith("?")
    assert drawing.sentence in drawing.alt


def test_long_runs_are_thinned_and_say_so():
    drawing = figures.hypergradient_norm(EPOCHS * 700, chosen=1, planned=2100)
    assert len(drawing.data[0]["y"]) == 700
    assert drawing.sentence.endswith("One epoch in 3 is drawn.")
