"""What a click on a figure selects of the training pictures."""

import numpy as np
import pytest

from app import figures
from app.lab.views.images import selection
from app.lab.views.images.selection import Selection
from app.lab.views.images.values import values_at
from bikd_core.config import RunConfig
from bikd_core.evaluation import weight_histograms
from tests import made_up
from tests.app.pictured import CONFIG, LABELS, make_pictured_run, values, weights_at
from tests.made_up import epoch_done, histograms, started


def clicked(kind, by_class=True, **point):
    return selection.from_weights(point, started(CONFIG), kind, by_class=by_class)


def test_a_click_on_a_ridge_selects_its_class_and_the_bin():
    assert clicked("hard", uid="ridge-9", x=0.5 / 64, y=-8.6) == Selection(
        "digit 9", (9,), "hard", 0
    )
    assert clicked("soft", uid="ridge-3", x=1.0, y=-2.5) == Selection("digit 3", (3,), "soft", 63)


def test_every_point_of_a_figure_selects_the_class_that_it_belongs_to():
    config = RunConfig.from_flat({"shuffle_classes": True, "split_seed": 3, "epochs": 3})
    begun, epoch = started(config), epoch_done(3, config)
    drawing = figures.weight_distribution(histograms(config, epoch), epoch, begun, "hard")
    bars = figures.class_accuracy(epoch, begun)
    for trace in drawing.data:
        if trace["uid"].startswith("ridge"):
            for at, y in enumerate(trace["y"]):
                point = {"uid": trace["uid"], "x": trace["x0"] + at * trace["dx"], "y": y}
                found = selection.from_weights(point, begun, "hard", by_class=True)
                assert (found.words, found.bin) == (f"digit {trace['name']}", at)
    for y, words in zip(bars.data[0]["y"], bars.data[0]["customdata"], strict=True):
        point = {"uid": "student", "x": 50, "y": y}
        found = selection.from_class_bars(point, begun)
        assert found.words == f"digit {words[0]}"
        assert begun.class_counts[found.labels[0]] == int(words.split()[1])


def test_a_click_on_a_mean_selects_the_class_alone():
    assert clicked("hard", uid="means", x=0.7, y=-3.88) == Selection("digit 4", (4,))


def test_a_click_on_a_group_selects_its_classes():
    found = clicked("hard", by_class=False, uid="ridge-2", x=0.7, y=-1.9)
    assert found == Selection("few-shot classes", (7, 8, 9), "hard", 44)


def test_a_click_on_a_line_of_the_heat_map_selects_class_and_bin():
    begun = started(RunConfig.from_flat({"dataset": "cifar100"}))
    point = {"uid": "heat", "x": 0.5 / 64, "y": -99}
    found = selection.from_weights(point, begun, "soft", by_class=True)
    assert found == Selection("worm", (99,), "soft", 0)


@pytest.mark.parametrize(
    "point",
    [{}, {"uid": "means", "x": "a", "y": 0}, {"uid": None, "x": 0, "y": 5}]
    + [{"uid": "means", "x": 0.5, "y": y} for y in (-10, 2, float("inf"), float("nan"), True)]
    + [{"uid": "ridge-77", "x": 0.5, "y": 0}, {"uid": "ridge-x", "x": float("nan"), "y": 0}],
)
def test_junk_from_the_browser_selects_nothing(point):
    assert clicked("hard", **point) is None


@pytest.mark.parametrize("y", [None, "a", -10, 2, float("nan"), True])
def test_junk_for_a_bar_selects_nothing(y):
    point = {"uid": "student", "x": 0.5, "y": y}
    assert selection.from_class_bars(point, started(CONFIG)) is None


def test_a_click_on_the_point_of_an_image_selects_that_image():
    panel = made_up.panel(LABELS, 2 * np.arange(len(LABELS)))
    found = selection.from_image({"customdata": 291}, started(CONFIG), panel)
    assert found.title == "digit 9, No. 582"
    assert np.flatnonzero(found.keeps(LABELS, values(w_hard=LABELS))).tolist() == [291]
    for junk in (-1, 293, 1.5, True, None, [3], "3"):
        assert selection.from_image({"customdata": junk}, started(CONFIG), panel) is None


def test_a_cell_of_the_confusion_selects_training_pictures_by_what_they_are_taken_for():
    begun = started(RunConfig())
    cell = selection.from_confusion({"x": "3", "y": "8"}, begun, by_class=True)
    labels = np.array([8, 8, 8, 3])
    kept = cell.keeps(labels, values(taken_for=[3, 8, np.nan, 3]))
    assert kept.tolist() == [True, False, False, False]
    assert cell.title == "digit 8, in training taken for digit 3 by the student"
    thirds = selection.from_confusion({"x": "many", "y": "few"}, begun, by_class=False)
    assert (thirds.labels, thirds.taken_for) == ((7, 8, 9), (0, 1, 2))


@pytest.mark.parametrize("point", [{}, {"x": "3"}, {"x": 3, "y": None}, {"x": "few", "y": "many"}])
def test_junk_for_a_cell_selects_nothing(point):
    assert selection.from_confusion(point, started(RunConfig()), by_class=True) is None


@pytest.mark.parametrize(
    ("whose", "labels"), [("few", (7, 8, 9)), ("4", (4,)), ("many", (0, 1, 2))]
)
def test_a_click_on_the_weights_over_time_selects_the_bin_at_that_epoch(whose, labels):
    point = {"uid": "soft", "x": 12.0, "y": 10.5 / 64}
    found = selection.from_weights_over_time(point, started(RunConfig()), whose, num_epochs=60)
    assert (found.labels, found.kind, found.bin, found.epoch) == (labels, "soft", 10, 12)
    assert found.title.endswith("w_soft 0.156 to 0.172 at epoch 12")
    beyond = point | {"x": 1e5, "y": 1.0}
    found = selection.from_weights_over_time(beyond, started(RunConfig()), whose, num_epochs=60)
    assert (found.bin, found.epoch) == (63, 60)


@pytest.mark.parametrize("point", [{}, {"uid": "difference", "x": 3, "y": 0.5}, {"uid": "hard"}])
def test_nothing_is_behind_a_difference_over_time(point):
    assert selection.from_weights_over_time(point, started(RunConfig()), "few", 60) is None


@pytest.mark.parametrize(
    ("uid", "labels"),
    [("few", (7, 8, 9)), ("many", (0, 1, 2)), ("hard-few", (7, 8, 9)), ("soft-many", (0, 1, 2))],
)
def test_a_click_on_a_line_selects_the_third_of_the_classes_that_it_is_of(uid, labels):
    point = {"uid": uid, "x": 3, "y": 50}
    assert selection.from_line(point, started(RunConfig())).labels == labels


@pytest.mark.parametrize("point", [{}, {"uid": "balanced"}, {"uid": ["few"]}])
def test_a_line_of_all_classes_selects_nothing(point):
    assert selection.from_line(point, started(RunConfig())) is None


def test_every_line_of_a_third_can_be_clicked_on():
    epochs = [epoch_done(number, CONFIG) for number in (1, 2)]
    begun = started(CONFIG)
    drawn = (
        figures.accuracy_over_epochs(epochs, [], 2, 3),
        figures.mean_weights(epochs, begun, 2, 3),
    )
    uids = [trace["uid"] for drawing in drawn for trace in drawing.data]
    found = [uid for uid in uids if selection.from_line({"uid": uid}, begun)]
    assert found == [uid for uid in uids if uid != "balanced"]


def test_a_selection_keeps_its_classes_and_its_bin():
    labels = np.array([0, 1, 1, 1, 2])
    given = values(w_hard=[0.5, 0.5, 0.516, 0.499, 0.5], w_soft=[1, 1, 0.9, 1, 1])
    assert Selection("b", (1,)).keeps(labels, given).tolist() == [0, 1, 1, 1, 0]
    assert Selection("b", (1,), "hard", 32).keeps(labels, given).tolist() == [0, 1, 0, 0, 0]
    assert Selection("a, c", (0, 2), "soft", 63).keeps(labels, given).tolist() == [1, 0, 0, 0, 1]


def test_a_bin_that_is_clicked_on_holds_as_many_pictures_as_the_ridge_says(manager):
    snapshot = manager.snapshot(make_pictured_run(manager.places.runs).run_id)
    given = values_at(snapshot, 2)
    counts = weight_histograms(weights_at(2), LABELS, 10)
    for kind, name in enumerate(("hard", "soft")):
        for label in (0, 9):
            for number in range(64):
                chosen = Selection("", (label,), name, number)
                assert chosen.keeps(LABELS, given).sum() == counts[kind, label, number]


def test_the_title_of_a_selection_names_the_weights_of_its_bin():
    assert Selection("digit 9", (9,)).title == "digit 9"
    assert Selection("digit 9", (9,), "soft", 16).title == "digit 9, w_soft 0.250 to 0.266"


@pytest.mark.parametrize(("x", "number"), [(0.0, 0), (1 / 22, 0), (1.0, 32), (20.0, 63), (400, 63)])
def test_a_click_on_relative_weights_selects_their_bin(x, number):
    point = {"uid": "ridge-9", "x": x, "y": -8.6}
    found = selection.from_weights(point, started(CONFIG), "hard", by_class=True, scale="relative")
    assert (found.bin, found.scale) == (number, "relative")
    over_time = {"uid": "soft", "x": 2.0, "y": x}
    found = selection.from_weights_over_time(over_time, started(CONFIG), "few", 3, "relative")
    assert (found.bin, found.scale) == (number, "relative")


def test_a_bin_of_relative_weights_holds_as_many_pictures_as_the_ridge_says():
    weights = np.exp(np.random.default_rng(0).normal(0, 2, (len(LABELS), 2))).astype(np.float16)
    counts = weight_histograms(weights, LABELS, 10, "relative")
    given = values(w_hard=weights[:, 0])
    for number in range(64):
        chosen = Selection("", (0,), "hard", number, scale="relative")
        assert chosen.keeps(LABELS, given).sum() == counts[0, 0, number]


def test_the_title_of_a_bin_of_relative_weights_says_multiples():
    first, own = (Selection("digit 9", (9,), "hard", n, scale="relative") for n in (0, 32))
    assert first.title == "digit 9, w_hard 0.0476× and less"
    assert own.title == "digit 9, w_hard 0.953× to 1.05×"
