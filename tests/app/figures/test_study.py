"""The figure of a study, by value."""

import json

import pytest

from app.figures.study import study
from bikd_core.studies.questions import NAMES as STUDIES
from bikd_core.studies.questions import study_named
from bikd_core.studies.results import Point, point_of


def point(series, x, mean, low=None, high=None, **values):
    by_seed = {int(seed.removeprefix("s")): value for seed, value in values.items()}
    return Point(series, x, f"{series} {x}", mean, low, high, by_seed)


NUMBERS = [
    point("A", 50, 0.6, 0.55, 0.65, s0=0.58, s1=0.62),
    point("A", 1, 0.5, 0.4, 0.6, s0=0.45, s1=0.55),
    point("B", 1, 0.7, None, None, s0=0.7),
]
NAMES = [
    point("A", "learned", 0.6, 0.55, 0.65, s0=0.58, s1=0.62),
    point("A", "random", 0.5, s0=0.5),
]


def traces(drawing):
    json.dumps(drawing._asdict(), allow_nan=False)
    return {trace["uid"]: trace for trace in drawing.data}


def test_numbers_are_lines_from_left_to_right_with_every_seed():
    drawing = study("Images in D_val", "accuracy", NUMBERS)
    drawn = traces(drawing)
    assert drawn["line-0"]["x"] == [1, 50]
    assert drawn["line-0"]["y"] == [50, 60]
    assert drawn["line-0"]["error_y"]["array"] == pytest.approx([10, 5])
    assert sorted(drawn["seeds-0"]["y"]) == pytest.approx([45, 55, 58, 62])
    assert drawn["line-1"]["error_y"]["array"] == [0]  # one seed has no interval
    assert drawing.layout["xaxis"]["type"] == "log"  # from 1 to 50
    assert drawing.layout["xaxis"]["title"]["text"] == "Images in D_val"
    assert drawing.layout["yaxis"]["title"]["text"] == "balanced accuracy (%)"
    assert "1 to 2 seeds" in drawing.sentence


def test_names_are_rows_with_their_numbers():
    drawing = study("Weights", "accuracy", NAMES)
    drawn = traces(drawing)
    assert drawn["row-0"]["x"] == [60, 50]
    assert [note["text"] for note in drawing.layout["annotations"]] == [
        "A learned",
        "60.0 ± 5.0",
        "A random",
        "50.0",
    ]
    assert drawing.layout["xaxis"]["title"]["text"] == "balanced accuracy (%)"


def test_a_loss_is_drawn_in_nats():
    drawing = study("x", "val_loss", [point("A", 1, 1.25, s0=1.25)])
    assert traces(drawing)["line-0"]["y"] == [1.25]
    assert drawing.layout["yaxis"]["title"]["text"] == "loss on D_val (nats)"


def test_without_a_finished_seed_it_says_so():
    drawing = study("x", "accuracy", [])
    assert drawing.data == []
    assert "as soon as a seed" in drawing.sentence


@pytest.mark.parametrize("name", STUDIES)
def test_each_question_s_measure_can_be_drawn(name):
    asked = study_named(name)
    drawing = study(asked.x, asked.measure, [point_of("A", 1, "one", {0: 0.5, 1: 0.75})])
    assert drawing.data
    assert "one" in drawing.alt


def test_points_of_searches_are_told_as_such():
    points = [Point("KD", 4, "KD, 4 trials", 0.7, 0.5, 0.75, {})]
    drawing = study("Trials", "accuracy", points)
    assert drawing.title == "What would searches have found?"
    assert drawing.sentence == (
        "Means over searches that are drawn from the trials; 95 % lie within the bars."
    )
    assert "KD, 4 trials: 70.0, 95 % from 50.0 to 75.0" in str(drawing.data)
