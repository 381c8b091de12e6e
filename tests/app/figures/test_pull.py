"""What D_val asks for, by class, by value."""

import dataclasses
import json

import pytest

from app import figures
from bikd_core.config import RunConfig
from tests.made_up import epoch_done, started

CONFIG = RunConfig.from_flat({"over": "prior_kd", "weight_scale": "relative", "epochs": 4})
STARTED = started(CONFIG)
EPOCH = epoch_done(4, CONFIG)
FEW, MANY = "the few-shot classes", "the many-shot classes"
RISING = tuple(0.1 * label for label in range(10))  # of the tail more than of the head
FALLING = RISING[::-1]


def epoch_with(**fields):
    return dataclasses.replace(EPOCH, **fields)


def bars(drawing):
    return {trace["uid"]: trace for trace in drawing.data}


def test_each_class_has_a_bar_for_each_part_head_at_the_top():
    hard = (0.05, *[0.0] * 8, -0.04)
    drawing = figures.class_pull(
        epoch_with(pull_hard_per_class=hard, pull_soft_per_class=hard[::-1]), STARTED
    )
    assert bars(drawing)["hard"]["x"] == list(hard)
    assert bars(drawing)["soft"]["x"] == list(hard[::-1])
    assert bars(drawing)["hard"]["y"] == [-row for row in range(10)]
    low, high = drawing.layout["xaxis"]["range"]
    assert low == -high
    assert low < -0.05


def test_bars_follow_the_rows_of_shuffled_classes():
    config = RunConfig.from_flat({"weight_scale": "relative", "shuffle_classes": True})
    begun = started(config)
    counts = tuple(float(count) for count in begun.class_counts)
    drawing = figures.class_pull(epoch_with(pull_hard_per_class=counts), begun)
    assert bars(drawing)["hard"]["x"] == sorted(counts, reverse=True)


def test_many_classes_are_drawn_as_the_means_of_thirds():
    config = RunConfig.from_flat({"weight_scale": "relative", "dataset": "cifar100"})
    values = tuple([3.0] * 33 + [2.0] * 34 + [1.0] * 33)
    epoch = dataclasses.replace(epoch_done(1, config), pull_hard_per_class=values)
    drawing = figures.class_pull(epoch, started(config))
    assert bars(drawing)["hard"]["x"] == [3, 2, 1]
    assert bars(drawing)["hard"]["customdata"] == ["many", "medium", "few"]


@pytest.mark.parametrize(
    ("hard", "soft", "words"),
    [
        (
            FALLING,
            FALLING,
            f"more weight on {FEW} too, for both losses: the two agree.",
        ),
        (
            RISING,
            RISING,
            f"But the pictures' influence asks for more weight on {MANY}, for both losses: the "
            "two disagree, and the weights follow the influence.",
        ),
        (
            FALLING,
            RISING,
            f"more hard-loss weight on {FEW} too, but for more soft-loss weight on {MANY}: "
            "there the two disagree",
        ),
        (
            RISING,
            FALLING,
            f"more soft-loss weight on {FEW} too, but for more hard-loss weight on {MANY}: "
            "there the two disagree",
        ),
        (
            FALLING,
            None,
            f"more weight on {FEW} too, for the hard loss: the two agree.",
        ),
    ],
)
def test_the_sentence_says_whether_pull_and_influence_agree(hard, soft, words):
    epoch = epoch_with(
        pull_hard_per_class=FALLING, influence_hard_per_class=hard, influence_soft_per_class=soft
    )
    sentence = figures.class_pull(epoch, STARTED).sentence
    assert sentence.startswith(
        "At epoch 4 D_val's labels pull the logits of the few-shot classes up against those of the "
        "many-shot classes (few +0.100, many +0.800)."
    )
    assert words in sentence


@pytest.mark.parametrize(
    ("soft", "words"),
    [(FALLING, "pulls the same way"), (RISING, "pulls the other way"), (None, "")],
)
def test_the_soft_part_is_held_against_the_hard_one(soft, words):
    epoch = epoch_with(pull_hard_per_class=FALLING, pull_soft_per_class=soft)
    sentence = figures.class_pull(epoch, STARTED).sentence
    assert words in sentence
    assert ("soft part" in sentence) == (soft is not None)
    assert ("meta loss hard leaves it out" in sentence) == (soft is RISING)


def test_a_meta_loss_without_labels_is_the_teachers_pull():
    epoch = epoch_with(pull_hard_per_class=None, pull_soft_per_class=FALLING)
    assert (
        "the teacher on D_val pulls the logits of the few"
        in figures.class_pull(epoch, STARTED).sentence
    )


def test_a_satisfied_loss_guides_no_longer():
    epoch = epoch_with(pull_hard_per_class=(0.001,) * 10)
    assert "hardly pull at any logit (few +0.001, many +0.001)" in (
        figures.class_pull(epoch, STARTED).sentence
    )


def test_influence_leaves_out_classes_without_one_and_counts_images():
    hard = (0.5, 0.5, 0.5, *[None] * 4, -1.0, None, -2.0)
    epoch = epoch_with(influence_hard_per_class=hard, influence_soft_per_class=None)
    drawing = figures.class_influence(epoch, STARTED, num_without=98)
    assert bars(drawing)["hard"]["x"] == list(hard)
    assert drawing.sentence == (
        "At epoch 4 the mean influence is: hard loss few −1.500, many +0.500. Negative: D_val "
        "wants more. 98 of 293 images have none, since their step had no hypergradient."
    )


def test_an_epoch_without_hypergradients_is_empty_and_says_so():
    nothing = (None,) * 10
    epoch = epoch_with(
        pull_hard_per_class=None, influence_hard_per_class=nothing, influence_soft_per_class=nothing
    )
    for draw in (figures.class_pull, figures.class_influence):
        drawing = draw(epoch, STARTED)
        assert drawing.data == []
        assert "No step of epoch 4 had a hypergradient" in drawing.sentence


def test_figures_are_strict_json_with_their_sentence_in_the_alt_text():
    for drawing in (figures.class_pull(EPOCH, STARTED), figures.class_influence(EPOCH, STARTED)):
        json.dumps(drawing._asdict(), allow_nan=False)
        assert drawing.sentence in drawing.alt
        assert drawing.title.endswith("?")
