"""BiKD against KD in one figure, and KD's constant weights, by value."""

import dataclasses
import json

import pytest

from app import figures
from app.figures.paired_accuracy import Side
from bikd_core.config import RunConfig
from tests.made_up import epoch_done, started

KD = RunConfig.from_flat({"method": "kd", "epochs": 3})
STARTED = started(KD)
EPOCHS = [epoch_done(number, KD) for number in (1, 2, 3)]


def side(name, per_class, few, epoch=3, accuracy=0.5):
    made = dataclasses.replace(
        EPOCHS[epoch - 1], accuracy_per_class=per_class, accuracy_few=few, accuracy=accuracy
    )
    return Side(name, made)


def paired(begun=STARTED, epoch=3):
    before = side("B (KD)", (0.9,) * 7 + (0.0,) * 3, 0.0)
    after = side("A (BiKD)", (0.8,) * 2 + (0.9,) * 5 + (0.08,) * 3, 0.08, epoch, accuracy=0.6)
    return figures.paired_accuracy(before, after, begun)


def test_the_headline_says_what_the_rare_classes_gain():
    drawing = paired()
    assert drawing.title == "A (BiKD) against B (KD): few 0 → 8 %"
    assert "from B (KD) to A (BiKD): few 0.0 % → 8.0 %" in drawing.sentence
    assert "3 of 10 classes gain, 2 lose; mean +0.4 points." in drawing.sentence
    assert "One run each: a difference may be chance." in drawing.sentence
    json.dumps(drawing._asdict(), allow_nan=False)


def test_both_runs_have_a_bar_in_each_class_and_the_margin_has_their_difference():
    drawing = paired()
    drawn = {trace["uid"]: trace for trace in drawing.data}
    assert drawn["before"]["x"][-3:] == [0.0] * 3
    assert drawn["after"]["x"][-3:] == [8.0] * 3
    assert [note["text"] for note in drawing.layout["annotations"]] == (
        ["−10"] * 2 + ["+0"] * 5 + ["+8"] * 3
    )


def test_other_epochs_equal_runs_and_equal_classes_are_said():
    assert paired(epoch=2).sentence.startswith("At epochs 3 and 2, from")
    level = paired(started(KD.changed(imbalance_factor=1.0)))
    assert level.title == "A (BiKD) against B (KD): balanced 50 → 60 %"
    assert "few" not in level.sentence
    same = side("B (KD)", (0.5,) * 10, 0.5)
    assert "No class differs." in figures.paired_accuracy(same, same, STARTED).sentence


@pytest.mark.parametrize(("kind", "weight"), [("hard", 0.3), ("soft", 0.7)])
def test_constant_weights_are_drawn_with_every_picture_at_the_constant(kind, weight):
    constants = {"hard": 0.3, "soft": 0.7}
    drawing = figures.constant_weight(constants, EPOCHS[-1], STARTED, kind, "KD")
    ridges = [trace for trace in drawing.data if trace["uid"].startswith("ridge")]
    sums = [sum(trace["customdata"]) for trace in ridges]
    assert sums == sorted(STARTED.class_counts, reverse=True)
    assert ridges[0]["customdata"][int(64 * weight)] == sums[0]
    assert f"KD learns no weights: each picture's w_{kind} is {weight:.2f}" in drawing.sentence


def test_constant_weights_never_move():
    constants = {"hard": 0.5, "soft": 0.5}
    drawing = figures.constant_means(constants, EPOCHS, STARTED, 2, 3, "KD")
    assert all(set(trace["y"]) == {0.5} for trace in drawing.data)
    assert "It never moves: KD gives each picture w_hard 0.50 and w_soft 0.50" in drawing.sentence
