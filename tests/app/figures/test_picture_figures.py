"""The figures of one picture, by value."""

import pytest

from app import figures

HARD, SOFT = [0.5, 0.6, 0.8], [0.4, 0.3, 0.1]


def test_both_weights_are_drawn_over_the_epochs_and_read():
    drawing = figures.picture_weights(HARD, SOFT, "this digit 9", 1, 2, 10)
    assert [(line["name"], line["y"]) for line in drawing.data] == [("hard", HARD), ("soft", SOFT)]
    assert (drawing.data[0]["x0"], drawing.data[0]["dx"]) == (1, 1)
    assert drawing.layout["shapes"][0]["x0"] == 2
    assert drawing.sentence == (
        "At epoch 2 this digit 9 gets w_hard 0.60 and w_soft 0.30; at epoch 1 it got 0.50 and 0.40."
    )
    assert drawing.sentence in drawing.alt


def test_hard_and_soft_differ_by_more_than_colour():
    hard, soft = figures.picture_weights(HARD, SOFT, "this cat", 1, 3, 3).data
    assert hard["line"]["dash"] != soft["line"]["dash"]


@pytest.mark.parametrize("every", [2, 5])
def test_a_thinned_history_keeps_its_epochs(every):
    chosen = 2 * every + 1
    drawing = figures.picture_weights(HARD, SOFT, "this cat", every, chosen, 100)
    assert drawing.data[0]["dx"] == every
    assert f"At epoch {chosen} this cat gets w_hard 0.80" in drawing.sentence
    assert f"One epoch in {every} is drawn." in drawing.sentence


def test_losses_of_student_and_teacher_are_in_nats():
    drawing = figures.picture_losses([2.3, 1.0, 0.001], [0.5, 0.5, 0.5], "this cat", 1, 3, 3)
    assert [line["name"] for line in drawing.data] == ["student", "teacher"]
    assert "cross-entropy on this cat is 0.001, the teacher's 0.50" in drawing.sentence
    assert drawing.layout["yaxis"]["range"][1] > 2.3
    alone = figures.picture_losses([2.3, 1.0, 0.001], None, "this cat", 1, 3, 3)
    assert len(alone.data) == 1
    assert "teacher" not in alone.sentence


def test_the_sign_of_the_influence_is_explained():
    drawing = figures.picture_influence([-2.0, 0.5], [1.0, -3.0], "this cat", 1, 2, 2)
    assert drawing.sentence == (
        "At epoch 2 the validation set wants less of its hard loss (+0.5) and more of its soft "
        "loss (−3) for this cat: negative is more."
    )
    low, high = drawing.layout["yaxis"]["range"]
    assert low < -3
    assert high > 1
    texts = [note["text"] for note in drawing.layout["annotations"]]
    assert texts[-2:] == ["↑ wants less of it", "↓ wants more of it"]


def test_an_influence_that_is_zero_all_through_can_be_drawn():
    low, high = figures.picture_influence([0.0], [0.0], "this cat", 1, 1, 1).layout["yaxis"][
        "range"
    ]
    assert low < 0 < high
