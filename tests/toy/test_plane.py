"""What a browser sends changes the points as asked, or one sentence says why not."""

import math

import pytest

from bikd_core.toy.plane import CLASSES, MAX_POINTS, VAL_PER_CLASS, Plane, doubts

FIRST_OF_VAL = 10_000


def sent(*edits):
    return [{"number": number, **edit} for number, edit in enumerate(edits, 1)]


def counts(plane):
    labels = [point[1] for point in plane.task.train]
    return [labels.count(label) for label in range(len(CLASSES))]


def test_a_larger_factor_only_removes_points():
    few, many = Plane(factor=60).task.train, Plane(factor=5).task.train
    assert set(few) < set(many)
    assert counts(Plane(factor=60)) == [120, 15, 2]
    assert len(Plane().task.val) == len(CLASSES) * VAL_PER_CLASS


def test_points_are_moved_dropped_and_added():
    plane = Plane()
    before = counts(plane)
    plane.take(
        sent(
            {"kind": "move", "id": FIRST_OF_VAL, "x": 0.5, "y": -0.25},
            {"kind": "drop", "id": 0},
            {"kind": "add", "label": 2, "x": 0.1, "y": 0.2},
        )
    )
    assert plane.complaint == ""
    assert plane.task.val[0] == (FIRST_OF_VAL, 0, 0.5, -0.25)
    assert counts(plane) == [before[0] - 1, before[1], before[2] + 1]
    assert plane.task.last_edit == 3


def test_edits_that_come_twice_are_taken_once():
    plane = Plane()
    edits = sent({"kind": "add", "label": 2, "x": 0, "y": 0})
    plane.take(edits)
    plane.take([*edits, {"number": 2, "kind": "drop", "id": 0}])
    assert counts(plane)[2] == counts(Plane())[2] + 1
    assert counts(plane)[0] == counts(Plane())[0] - 1


def test_reset_takes_all_edits_of_points_back_and_restart_keeps_them():
    plane = Plane()
    plane.take(sent({"kind": "drop", "id": 0}, {"kind": "restart"}))
    kept = plane.task
    assert kept.train != Plane().task.train
    plane.take([{"number": 3, "kind": "reset"}])
    assert plane.task.train == Plane().task.train
    assert plane.task.beginning > kept.beginning > Plane().task.beginning


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        ({"kind": "move", "id": FIRST_OF_VAL, "x": 3.25, "y": 0}, "x = 3.25 is outside the plane"),
        ({"kind": "add", "label": 0, "x": 0, "y": -9}, "y = -9 is outside the plane"),
        ({"kind": "factor", "value": 900}, "imbalance factor = 900 is not possible"),
        ({"kind": "factor", "value": 0}, "imbalance factor = 0 is not possible"),
        ({"kind": "drop", "id": FIRST_OF_VAL}, "can be moved, but not dropped"),
        ({"kind": "move", "id": 77_777, "x": 0, "y": 0}, "Point 77777 is no longer on the plane"),
        ({"kind": "add", "label": 9, "x": 0, "y": 0}, "could not be read"),
        ({"kind": "add", "label": 1, "x": math.nan, "y": 0}, "could not be read"),
        ({"kind": "method", "value": "magic"}, "could not be read"),
        ({"kind": "explode"}, "could not be read"),
    ],
)
def test_an_impossible_edit_is_said_in_one_sentence_and_the_next_one_counts(edit, why):
    plane = Plane()
    plane.take(sent(edit))
    assert why in plane.complaint
    for _, _, x, y in (*plane.task.train, *plane.task.val):
        assert -1 <= x <= 1
        assert -1 <= y <= 1
    plane.take([{"number": 2, "kind": "method", "value": "kd"}])
    assert (plane.method, plane.complaint) == ("kd", "")


@pytest.mark.parametrize("junk", [None, 3, "edits", {}, [None], [[]], [{"number": "x"}]])
def test_junk_from_a_browser_changes_nothing(junk):
    plane = Plane()
    plane.take(junk)
    assert plane.task == Plane().task


def test_a_toy_takes_only_so_many_points():
    plane = Plane(factor=1)
    plane.take(sent(*[{"kind": "add", "label": 0, "x": 0, "y": 0}] * 60))
    assert len(plane.task.train) == MAX_POINTS
    assert f"{MAX_POINTS} points" in plane.complaint


def test_a_class_without_points_and_d_val_on_one_spot_are_said():
    plane = Plane(factor=60)
    rare = [point[0] for point in plane.task.train if point[1] == 2]
    drops = [{"kind": "drop", "id": which} for which in rare]
    moves = [{"kind": "move", "id": p[0], "x": 0.1, "y": 0.1} for p in plane.task.val]
    plane.take(sent(*drops, *moves))
    empty, one_spot = doubts(plane.task)
    assert "The rare class has no training point left" in empty
    assert "All points of D_val lie on one spot" in one_spot
    assert doubts(Plane().task) == []


def test_a_plane_without_any_training_point_is_said():
    plane = Plane()
    plane.take(sent(*[{"kind": "drop", "id": point[0]} for point in plane.task.train]))
    assert plane.task.train == ()
    assert doubts(plane.task) == ["No training point is left: add some, or press Reset."]
