"""The confusion matrix by value."""

import json

import numpy as np
import pytest

from app import figures
from bikd_core.config import RunConfig
from tests.app.shown import unpacked
from tests.made_up import started


def matrix(num_classes, right=50, total=58):
    """Each class is right `right` times, the rest is taken for the class before it."""
    rest = np.roll(np.eye(num_classes, dtype=np.int32), -1, axis=1) * (total - right)
    return np.eye(num_classes, dtype=np.int32) * right + rest


def draw(counts=None, by_class=True, **controls):
    config = RunConfig.from_flat(controls)
    begun = started(config)
    made = matrix(len(begun.class_names)) if counts is None else counts
    return begun, made, figures.confusion(made, begun, 4, by_class=by_class)


def test_rows_are_true_classes_head_to_tail_and_add_up_to_100():
    begun, counts, drawing = draw(shuffle_classes=True, split_seed=3)
    order = sorted(range(10), key=lambda label: -begun.class_counts[label])
    [heat] = drawing.data
    assert heat["customdata"] == counts[np.ix_(order, order)].tolist()
    assert np.sum(heat["z"], axis=1) == pytest.approx([100] * 10, abs=0.5)
    assert heat["x"] == heat["y"] == [begun.class_names[label] for label in order]
    assert heat["z"][2][2] == pytest.approx(100 * 50 / 58, abs=0.05)


def test_the_head_is_at_the_top_left_and_colours_are_fixed():
    *_, drawing = draw()
    assert drawing.layout["yaxis"]["range"] == [9.5, -0.5]
    assert drawing.layout["xaxis"]["range"] == [-0.5, 9.5]
    assert (drawing.data[0]["zmin"], drawing.data[0]["zmax"]) == (0, 100)


def test_the_sentence_reads_tail_and_head():
    counts = np.diag([10] * 10)
    counts[9] = [9, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    counts[0] = [7, 0, 0, 0, 0, 0, 0, 0, 3, 0]
    *_, drawing = draw(counts)
    assert drawing.sentence == (
        "At epoch 4 66.7 % of the few-class test images are right and 30.0 % are taken for a many "
        "class; of the many-class ones 10.0 % are taken for a few class. Most frequent error: 9 "
        "taken for 0, 9 of 10."
    )


def test_without_any_error_there_is_no_most_frequent_one():
    *_, drawing = draw(np.diag([10] * 10))
    assert drawing.sentence.endswith("No image is taken for another class.")


def test_groups_are_added_up():
    counts = np.ones((100, 100), dtype=int)
    *_, drawing = draw(counts, by_class=False, dataset="cifar100")
    [heat] = drawing.data
    assert heat["x"] == ["many", "medium", "few"]
    assert heat["customdata"][0] == [33 * 33, 33 * 34, 33 * 33]
    assert heat["z"][1] == [33, 34, 33]


def test_numbers_are_written_where_there_is_room():
    assert draw()[2].data[0]["text"][0][0] == "86"
    assert "text" not in draw(dataset="cifar100")[2].data[0]


def test_a_hundred_classes_are_labelled_by_group_and_small_enough_to_poll():
    generator = np.random.default_rng(0)
    *_, drawing = draw(generator.multinomial(100, np.full(100, 0.01), 100), dataset="cifar100")
    assert len(drawing.layout["yaxis"]["tickvals"]) == 3
    assert drawing.layout["xaxis"]["ticktext"] == ["many", "medium", "few"]
    assert len(drawing.layout["shapes"]) == 4
    z = unpacked(drawing.data[0]["z"])
    assert (z == drawing.data[0]["customdata"]).all()  # of 100 images each
    assert len(json.dumps(drawing._asdict())) < 60_000


@pytest.mark.parametrize("by_class", [True, False])
def test_figures_are_strict_json_with_words(by_class):
    *_, drawing = draw(by_class=by_class)
    json.dumps(drawing._asdict(), allow_nan=False)
    assert drawing.title.endswith("?")
    assert drawing.sentence in drawing.alt


@pytest.mark.parametrize("by_class", [True, False])
def test_the_difference_is_that_of_the_two_matrices_in_points_of_each_row(by_class):
    begun = started(RunConfig())
    better, worse = matrix(10, right=50), matrix(10, right=30)
    drawing = figures.confusion_difference((worse, better), begun, (4, 4), by_class=by_class)
    shares = [
        np.array(figures.confusion(counts, begun, 4, by_class=by_class).data[0]["z"])
        for counts in (worse, better)
    ]
    [heat] = drawing.data
    assert np.array(heat["z"]) == pytest.approx(shares[1] - shares[0], abs=0.11)
    assert heat["zmin"] == -heat["zmax"]
    if by_class:
        assert (
            f"B gets +{100 * 20 / 58:.1f} points of the few-class test images" in drawing.sentence
        )
    json.dumps(drawing)


def test_two_equal_matrices_differ_in_nothing():
    begun = started(RunConfig())
    drawing = figures.confusion_difference((matrix(10), matrix(10)), begun, (3, 4))
    assert not np.any(drawing.data[0]["z"])
    assert "At epochs 3 and 4, compared with A, B gets +0.0 points" in drawing.sentence
    assert "Largest change" not in drawing.sentence
