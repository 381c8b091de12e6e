"""The paired bars of two beliefs in one picture."""

import pytest

from app import figures
from app.figures.beliefs import BELIEFS_QUESTION, STUDENT_QUESTION
from bikd_core.config import RunConfig
from tests.made_up import started

STUDENT = (0.1, 0.6, 0.3)
TEACHER = (0.25, 0.25, 0.5)


def three(**changes):
    return started(class_names=("cat", "ant", "bee"), class_counts=(5, 90, 1), **changes)


def bars_of(drawing, name):
    [trace] = [trace for trace in drawing.data if trace["name"] == name]
    return dict(zip(trace["customdata"], trace["x"], strict=True))


def test_each_class_has_both_probabilities_head_to_tail():
    drawing = figures.beliefs(STUDENT, TEACHER, three())
    assert list(bars_of(drawing, "student")) == ["ant", "cat", "bee"]
    assert bars_of(drawing, "student") == {"ant": 60, "cat": 10, "bee": 30}
    assert bars_of(drawing, "teacher") == {"ant": 25, "cat": 25, "bee": 50}
    # Two bars of a row: the axis runs upwards, so that the last trace stands on top.
    assert [trace["name"] for trace in drawing.data] == ["teacher", "student"]
    assert drawing.title == BELIEFS_QUESTION
    assert drawing.sentence == (
        "The student takes it for ant (60.0 %, 90 training images). The teacher takes it for bee "
        "(50.0 %, 1 training image)."
    )
    assert "student ant 60.0 %, cat 10.0 %, bee 30.0 %" in drawing.alt


def test_the_true_class_is_marked_and_the_sentence_says_who_is_right():
    drawing = figures.beliefs(STUDENT, TEACHER, three(), 2)
    assert drawing.layout["yaxis"]["ticktext"] == ["ant (90)", "cat (5)", "✓ bee (1)"]
    assert "takes it for ant (60.0 %, 90 training images); it is bee (30.0 %)." in drawing.sentence
    assert drawing.sentence.endswith("for bee (50.0 %, 1 training image), which is right.")


def test_without_a_teacher_there_are_bars_of_the_student_alone():
    drawing = figures.beliefs(STUDENT, None, three())
    assert [trace["name"] for trace in drawing.data] == ["student"]
    assert drawing.title == STUDENT_QUESTION
    assert "teacher" not in drawing.sentence + drawing.alt


def test_of_many_classes_the_ten_most_believed_are_drawn_head_to_tail():
    names = tuple(f"class {number}" for number in range(30))
    run = started(class_names=names, class_counts=tuple(range(60, 30, -1)))
    student = [0.01] * 30
    student[25] = 1 - 0.29
    teacher = [0.0] * 30
    teacher[7], teacher[28] = 0.4, 0.6
    drawing = figures.beliefs(student, teacher, run)
    drawn = list(bars_of(drawing, "student"))
    assert len(drawn) == 10
    assert {"class 7", "class 25", "class 28"} <= set(drawn)
    assert drawn == sorted(drawn, key=names.index)
    assert "The student gives the other 20 classes 20.0 % together." in drawing.sentence


@pytest.mark.parametrize("label", [None, 0])
def test_ties_and_certainty_are_drawn(label):
    run = started(RunConfig.from_flat({}))
    drawing = figures.beliefs((0.1,) * 10, (1.0, *(0.0,) * 9), run, label)
    assert "takes it for 0 (10.0 %, 106 training images)" in drawing.sentence
    assert [trace["text"] for trace in drawing.data if trace["name"] == "teacher"] == [
        ["100 %", *[""] * 9]
    ]
