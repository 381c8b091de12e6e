"""The figures by value."""

import json

import numpy as np
import pytest

from app import figures
from app.figures.classes import rows_of
from app.figures.drawing import GROUP_COLOURS, spread
from bikd_core.config import RunConfig
from bikd_core.data.counts import planned_counts
from bikd_core.events import ControlChanged
from tests.app.shown import unpacked
from tests.made_up import epoch_done, histograms, started


def run(num_epochs: int = 4, **controls):
    config = RunConfig.from_flat({"epochs": num_epochs} | controls)
    epochs = [epoch_done(number, config) for number in range(1, num_epochs + 1)]
    return config, started(config), epochs


def ridges(drawing):
    return [trace for trace in drawing.data if trace["uid"].startswith("ridge")]


def distribution(kind="hard", by_class=True, **controls):
    config, begun, epochs = run(**controls)
    return figures.weight_distribution(
        histograms(config, epochs[-1]), epochs[-1], begun, kind, by_class=by_class
    )


@pytest.mark.parametrize("kind", ["hard", "soft"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_ridges_hold_every_image_of_their_class_head_to_tail(kind, shuffled):
    controls = {"shuffle_classes": shuffled, "split_seed": 3}
    drawing = distribution(kind, **controls)
    counts = planned_counts(RunConfig.from_flat(controls).data)
    sums = [sum(trace["customdata"]) for trace in ridges(drawing)]
    assert sums == sorted(counts, reverse=True)
    names = [trace["name"] for trace in ridges(drawing)]
    assert names == [str(label) for label in rows_of(tuple("0123456789"), counts).labels]


def test_hard_and_soft_have_the_same_axes_bins_and_colours():
    hard, soft = distribution("hard"), distribution("soft")
    for name in ("xaxis", "yaxis"):
        axis = hard.layout[name] | {"title": None}
        assert axis == soft.layout[name] | {"title": None}
    assert hard.layout["margin"] == soft.layout["margin"]
    assert hard.height == soft.height
    for one, other in zip(ridges(hard), ridges(soft), strict=True):
        assert (one["x0"], one["dx"], one["line"]) == (other["x0"], other["dx"], other["line"])


def test_a_ridge_stays_in_its_row():
    for row, trace in enumerate(ridges(distribution())):
        assert min(trace["y"]) == -row
        assert -row + 0.8 < max(trace["y"]) < -row + 1


def test_means_stand_where_the_epoch_says():
    _, _, epochs = run()
    [ticks] = [trace for trace in distribution().data if trace["uid"] == "means"]
    assert ticks["x"] == pytest.approx(epochs[-1].w_hard_per_class, abs=1e-4)


def test_the_sentence_reads_the_thirds():
    _, _, epochs = run()
    tail = np.mean(epochs[-1].w_hard_per_class[-3:])
    head = np.mean(epochs[-1].w_hard_per_class[:3])
    expected = f"At epoch 4 few-shot classes get {tail:.2f}, many-shot ones {head:.2f} "
    expected += "(mean w_hard over classes)."
    assert distribution().sentence == expected


def test_groups_add_the_histograms_of_their_classes():
    drawing = distribution(by_class=False, dataset="cifar100")
    counts = planned_counts(RunConfig.from_flat({"dataset": "cifar100"}).data)
    expected = [sum(counts[:33]), sum(counts[33:67]), sum(counts[67:])]
    assert [sum(trace["customdata"]) for trace in ridges(drawing)] == expected


def test_a_hundred_classes_are_a_heat_map_of_shares_head_first():
    [heat] = distribution(dataset="cifar100").data
    shares = unpacked(heat["z"]) / 1000
    assert shares.shape == (100, 64)
    assert np.allclose(shares.sum(axis=1), 1, atol=0.002)
    assert (heat["y0"], heat["dy"]) == (0, -1)


def test_a_view_of_the_weights_is_small_enough_to_poll():
    assert len(json.dumps(distribution()._asdict())) < 50_000
    assert len(json.dumps(distribution(dataset="cifar100")._asdict())) < 25_000


def test_accuracy_is_drawn_in_percent_with_the_chosen_epoch_marked():
    _, _, epochs = run()
    drawing = figures.accuracy_over_epochs(epochs, [], chosen=2, planned=10)
    assert [trace["name"] for trace in drawing.data] == ["balanced", "many", "medium", "few"]
    balanced = [round(100 * epoch.accuracy, 3) for epoch in epochs]
    assert drawing.data[0]["y"] == pytest.approx(balanced)
    assert drawing.layout["shapes"][0]["x0"] == 2
    assert drawing.layout["xaxis"]["range"][1] >= 10
    assert f"{100 * epochs[1].accuracy:.1f} %" in drawing.sentence


def test_changes_of_a_control_are_marked_once_an_epoch():
    _, _, epochs = run()
    changes = [
        ControlChanged(epoch=2, step=3, control="paused"),
        ControlChanged(epoch=2, step=3, control="resumed"),
        ControlChanged(epoch=2, step=4, control="paused"),
        ControlChanged(epoch=3, step=9, control="learning_rate", value=0.01),
    ]
    layout = figures.accuracy_over_epochs(epochs, changes, chosen=4, planned=4).layout
    texts = [note["text"] for note in layout["annotations"]]
    assert texts[-2:] == ["paused", "learning rate 0.01"]
    assert [line["x0"] for line in layout["shapes"]] == [4, 2, 3]


def test_long_runs_are_thinned_and_say_so():
    config = RunConfig.from_flat({"epochs": 2500})
    epochs = [epoch_done(1, config)] * 2500
    drawing = figures.accuracy_over_epochs(epochs, [], chosen=2500, planned=2500)
    assert len(drawing.data[0]["y"]) == 834
    assert drawing.data[0]["dx"] == 3
    assert drawing.sentence.endswith("One epoch in 3 is drawn.")


def test_class_bars_are_sorted_and_coloured_by_group():
    _, begun, epochs = run(shuffle_classes=True, split_seed=1)
    drawing = figures.class_accuracy(epochs[-1], begun)
    order = sorted(range(10), key=lambda label: -begun.class_counts[label])
    expected = [round(100 * epochs[-1].accuracy_per_class[label], 1) for label in order]
    assert drawing.data[0]["x"] == expected
    assert drawing.data[0]["marker"]["color"][0] == GROUP_COLOURS["many"]
    assert drawing.data[0]["marker"]["color"][-1] == GROUP_COLOURS["few"]
    assert drawing.data[1]["name"] == "teacher"


def test_no_teacher_no_diamonds():
    _, begun, epochs = run(method="ce")
    assert len(figures.class_accuracy(epochs[-1], begun).data) == 1


def test_mean_weights_are_those_of_the_outer_thirds():
    _, begun, epochs = run()
    drawing = figures.mean_weights(epochs, begun, chosen=4, planned=4)
    lines = {trace["name"]: trace["y"] for trace in drawing.data}
    assert set(lines) == {"hard, few", "hard, many", "soft, few", "soft, many"}
    assert lines["hard, few"][-1] == pytest.approx(
        np.mean(epochs[-1].w_hard_per_class[-3:]), abs=1e-3
    )
    assert lines["soft, many"][-1] == pytest.approx(
        np.mean(epochs[-1].w_soft_per_class[:3]), abs=1e-3
    )
    dashes = [trace["line"]["dash"] for trace in drawing.data]
    assert len(set(dashes)) == 4  # told apart without colour


def test_class_counts_name_the_extremes():
    drawing = figures.class_counts(("a", "b", "c"), (5, 50, 10))
    assert drawing.data[0]["y"] == [50, 10, 5]
    assert drawing.data[0]["customdata"] == ["b", "c", "a"]
    assert drawing.sentence == "65 training images: 50 in the largest class, 5 in the smallest."


def test_figures_are_strict_json_with_unique_trace_names_that_are_css_classes():
    _, begun, epochs = run()
    for drawing in (
        distribution(),
        distribution(by_class=False, dataset="cifar100"),
        figures.accuracy_over_epochs(epochs, [], 1, 4),
        figures.class_accuracy(epochs[0], begun),
        figures.mean_weights(epochs, begun, 1, 4),
    ):
        json.dumps(drawing._asdict(), allow_nan=False)
        uids = [trace["uid"] for trace in drawing.data]
        assert len(set(uids)) == len(uids)
        assert all(uid.replace("-", "").isalnum() for uid in uids)
        assert drawing.title.endswith("?")
        assert drawing.sentence in drawing.alt


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 50.0], [0.0, 50.0]),
        ([10.0, 10.0], [5.0, 15.0]),
        ([12.0, 10.0, 11.0], [21.0, 1.0, 11.0]),
        ([], []),
    ],
)
def test_labels_are_spread_around_where_they_belong(values, expected):
    assert spread(values, 10) == pytest.approx(expected)


def test_marks_that_would_cover_one_another_share_a_label_with_the_last_of_each_kind():
    _, _, epochs = run(100)
    controls = [
        ControlChanged(epoch=10, step=50, control="learning_rate", value=0.02),
        ControlChanged(epoch=12, step=60, control="speed", value=5.0),
        ControlChanged(epoch=13, step=65, control="speed", value=2.0),
        ControlChanged(epoch=60, step=300, control="speed", value=None),
    ]
    layout = figures.accuracy_over_epochs(epochs, controls, 100, 100).layout
    labels = {label["x"]: label["text"] for label in layout["annotations"] if "textangle" in label}
    assert labels == {10: "learning rate 0.02, at most 2 epochs/s", 60: "full speed"}
    assert {line["x0"] for line in layout["shapes"]} == {10, 12, 13, 60, 100}


def test_a_mark_at_0_percent_does_not_hide_the_counts_beside_the_axis():
    _, begun, epochs = run()
    left, _ = figures.class_accuracy(epochs[-1], begun).layout["xaxis"]["range"]
    assert left <= -3
