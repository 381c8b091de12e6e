"""What a toy says about itself is true of its frame, also where there is little to say."""

import numpy as np
import pytest

from app.toy import words
from bikd_core.toy.pipe import NO_WEIGHT, opening_frame, packed
from bikd_core.toy.plane import Plane


def frame_with(task, hard, soft, **more):
    """A frame in which each class has one pair of weights, in 254ths."""
    labels = [point[1] for point in task.train]
    weights = np.array([[hard[label], soft[label]] for label in labels])
    accuracy = {"student_accuracy": (0.9, 0.8, 0.7), "teacher_accuracy": (0.9, 0.8, 0.5)}
    fields = {"weights": packed(weights, "u1"), "phase": "student", **accuracy, **more}
    return opening_frame("toy", task).model_copy(update=fields)


@pytest.mark.parametrize(
    ("hard", "beginning"),
    [
        ((25, 50, 127), "The labels of rare points count more than those of frequent ones: 0.50 "),
        ((127, 50, 25), "The labels of rare points count less than those of frequent ones: 0.10 "),
        ((127, 127, 128), "The labels of rare and frequent points count about the same: 0.50 "),
    ],
)
def test_the_sentence_compares_rare_and_frequent_points(hard, beginning):
    frame = frame_with(Plane().task, hard, hard)
    lines = words.class_lines(frame)
    assert [line.num_train for line in lines] == [120, 26, 6]
    sentence = words.sentence("bikd", lines)
    assert sentence.startswith(beginning)
    assert "the student gets 70\N{NO-BREAK SPACE}% right" in sentence
    assert "the teacher 50\N{NO-BREAK SPACE}%" in sentence


def test_nothing_is_said_before_there_is_anything_to_say():
    frame = opening_frame("toy", Plane().task)
    lines = words.class_lines(frame)
    assert all(line.w_hard is None and line.student is None for line in lines)
    assert words.sentence("bikd", lines) == ""
    assert words.state_of(frame) == "starting …"


def test_a_class_without_points_has_no_weights_and_is_a_note():
    plane = Plane(factor=60)
    rare = [point[0] for point in plane.task.train if point[1] == 2]
    plane.take([{"number": n, "kind": "drop", "id": which} for n, which in enumerate(rare, 1)])
    frame = frame_with(plane.task, (20, 20, 20), (20, 20, 20))
    lines = words.class_lines(frame)
    assert (lines[2].num_train, lines[2].w_hard) == (0, None)
    assert words.sentence("bikd", lines).startswith("Of new rare points")
    [note] = words.notes(frame, plane.task, "", "")
    assert "The rare class has no training point left" in note


def test_a_point_that_was_just_added_does_not_count_in_the_mean():
    plane = Plane()
    frame = frame_with(plane.task, (127, 127, NO_WEIGHT), (127, 127, NO_WEIGHT))
    assert words.class_lines(frame)[0].w_hard == pytest.approx(0.5)
    assert words.class_lines(frame)[2].w_hard is None


def test_a_toy_at_rest_says_how_it_goes_on():
    task = Plane().task
    frame = frame_with(task, (1, 1, 1), (1, 1, 1), phase="resting", epoch=300)
    assert words.state_of(frame) == "epoch 300 · at rest"
    assert "press Restart" in words.notes(frame, task)[0]
