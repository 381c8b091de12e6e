"""The sentence about weights that have flattened, by value."""

import dataclasses

import pytest

from app import figures
from bikd_core.config import RunConfig
from tests.made_up import epoch_done, started

CONFIG = RunConfig.from_flat({"epochs": 3})


def read(spreads, losses=(2.0, 1.0, 0.004), few=(0.0, 0.08, 0.32), scale="sigmoid", factor=50.0):
    """The sentence at the last epoch, given the distance of the class means at each."""
    config = CONFIG.changed(imbalance_factor=factor)
    epochs = [
        dataclasses.replace(
            epoch_done(number, config),
            w_hard_per_class=tuple(0.5 + spread * label / 9 for label in range(10)),
            train_hard_loss=loss,
            accuracy=accuracy,
            accuracy_few=accuracy,
        )
        for number, (spread, loss, accuracy) in enumerate(zip(spreads, losses, few, strict=True), 1)
    ]
    return figures.mean_weights(epochs, started(config), 3, 900, scale).sentence


def test_flattened_weights_are_named_with_the_reason_and_what_accuracy_did():
    sentence = read((0.2, 0.3, 0.01))
    assert "flattened: the classes' mean w_hard are 0.01 apart (0.30 at epoch 2)" in sentence
    assert "the training losses are almost gone (0.004, 2 at epoch 1)" in sentence
    assert "the weight net's inputs hardly differ any more" in sentence
    assert "Few-shot accuracy rose meanwhile from 8.0 % to 32.0 %" in sentence


def test_relative_weights_flatten_by_their_ratio():
    sentence = read((0.2, 0.5, 0.02), scale="relative")
    assert "mean w_hard are 1.04× apart (2.00 at epoch 2)" in sentence


@pytest.mark.parametrize(
    "spreads",
    [
        (0.01, 0.02, 0.01),  # never told classes apart
        (0.2, 0.3, 0.25),  # still does
        (0.01, 0.2, 0.3),  # begins to
    ],
)
def test_weights_that_have_not_flattened_are_not_said_to_have(spreads):
    assert "flattened" not in read(spreads)


def test_no_reason_and_no_gain_is_named_that_the_numbers_do_not_show():
    sentence = read((0.2, 0.3, 0.01), losses=(2.0, 1.0, 0.9), few=(0.1, 0.3, 0.28))
    assert "flattened" in sentence
    assert "inputs hardly differ" not in sentence
    assert "rose" not in sentence
    level = read((0.2, 0.3, 0.01), factor=1.0)
    assert "Balanced accuracy rose meanwhile from 8.0 % to 32.0 %" in level
    assert "Few-shot" not in level
