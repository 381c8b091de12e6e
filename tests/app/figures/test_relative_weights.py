"""Figures of relative weights, by value: log axes in multiples of the objective's own weight."""

import dataclasses
import json

import numpy as np
import pytest

from app import figures
from bikd_core.config import RunConfig
from tests import made_up
from tests.app.shown import unpacked
from tests.made_up import epoch_done, relative_arrays, relative_weights, started

CONFIG = RunConfig.from_flat({"over": "prior_kd", "weight_scale": "relative", "epochs": 4})
EPOCHS = [epoch_done(number, CONFIG) for number in range(1, 5)]
LABELS = made_up.labels_of(CONFIG)


def distribution(kind="hard", **options):
    arrays = relative_arrays(CONFIG, 4)
    return figures.weight_distribution(
        arrays["histograms"], EPOCHS[-1], started(CONFIG), kind, scale="relative", **options
    )


def traces(drawing, prefix=""):
    return {trace["uid"]: trace for trace in drawing.data if trace["uid"].startswith(prefix)}


def test_ridges_stand_at_the_centres_of_log_bins_with_a_line_at_1():
    drawing = distribution()
    assert drawing.layout["xaxis"]["type"] == "log"
    assert drawing.layout["shapes"][0]["x0"] == 1
    weights = relative_weights(CONFIG, 1)[:, 0]
    for label in (0, 9):
        ridge = traces(drawing)[f"ridge-{label}"]
        counted = dict(zip(ridge["x"], ridge["customdata"], strict=True))
        assert sum(counted.values()) == (label == LABELS).sum()
        mean = np.dot(list(counted), list(counted.values())) / (label == LABELS).sum()
        assert mean == pytest.approx(weights[label == LABELS].mean(), rel=0.05)


def test_the_sentence_and_the_margin_say_multiples():
    means = EPOCHS[-1].w_hard_per_class
    tail, head = np.mean(means[-3:]), np.mean(means[:3])
    drawing = distribution()
    assert drawing.sentence == (
        f"At epoch 4 few-shot classes get {tail:.2g}×, many-shot ones {head:.2g}× the "
        "objective's own weight (mean w_hard over classes)."
    )
    assert drawing.layout["annotations"][0]["text"] == f"{means[0]:.2g}×"
    assert f"9 {means[9]:.2g}×" in drawing.alt


def test_a_mean_beyond_the_axis_stands_at_its_end():
    epoch = dataclasses.replace(EPOCHS[-1], w_hard_per_class=(400.0,) * 9 + (0.0,))
    arrays = relative_arrays(CONFIG, 4)
    drawing = figures.weight_distribution(
        arrays["histograms"], epoch, started(CONFIG), "hard", scale="relative"
    )
    low, high = 10 ** np.array(drawing.layout["xaxis"]["range"])
    assert low < min(traces(drawing)["means"]["x"]) < max(traces(drawing)["means"]["x"]) < high


def test_many_classes_are_a_heat_map_on_the_same_bins():
    config = RunConfig.from_flat({"dataset": "cifar100", "weight_scale": "relative", "epochs": 2})
    arrays, epoch = relative_arrays(config, 2), epoch_done(2, config)
    [heat] = figures.weight_distribution(
        arrays["histograms"], epoch, started(config), "soft", scale="relative"
    ).data
    assert len(heat["x"]) == 64
    assert np.allclose(unpacked(heat["z"]).sum(axis=1), 1000, atol=5)


def over_time(columns=2):
    counts = np.stack(
        [relative_arrays(CONFIG, epoch)["histograms"][:columns, 7:].sum(1) for epoch in (1, 2, 3)]
    )
    return figures.weights_over_time(counts, "few-class", 3, 4, "relative")


def test_weights_over_time_have_a_log_axis_with_a_line_at_1_in_each_panel():
    drawing = over_time()
    assert [trace["uid"] for trace in drawing.data] == ["hard", "soft", "difference"]
    assert all(len(trace["y"]) == 64 for trace in drawing.data)
    assert drawing.layout["yaxis"]["type"] == drawing.layout["yaxis3"]["type"] == "log"
    lines = [shape for shape in drawing.layout["shapes"] if shape["y0"] == shape["y1"] == 1]
    assert [line["yref"] for line in lines] == ["y", "y2", "y3"]
    few = np.median(relative_weights(CONFIG, 3 / 4)[LABELS >= 7], axis=0)
    said = drawing.sentence.split("a w_hard of ")[1].split("×")[0]
    assert float(said) == pytest.approx(few[0], rel=0.11)  # a bin is as wide
    assert "× the objective's own weight; at epoch 1 it was " in drawing.sentence
    assert len(json.dumps(drawing._asdict(), allow_nan=False)) < 40_000


def test_a_method_with_one_loss_has_one_panel():
    drawing = over_time(columns=1)
    [heat] = drawing.data
    assert heat["showscale"]
    assert "xaxis2" not in drawing.layout
    assert "w_soft" not in drawing.sentence + drawing.alt


def test_mean_weights_are_lines_on_a_log_axis():
    drawing = figures.mean_weights(EPOCHS, started(CONFIG), 4, 4, "relative")
    tail = [np.mean(epoch.w_hard_per_class[-3:]) for epoch in EPOCHS]
    assert traces(drawing)["hard-few"]["y"] == pytest.approx(tail, abs=1e-3)
    assert drawing.layout["yaxis"]["type"] == "log"
    label = next(n for n in drawing.layout["annotations"] if "hard, few" in n["text"])
    assert label["y"] == pytest.approx(np.log10(tail[-1]))  # annotations count in powers of ten
    assert f"mean w_hard is {tail[-1]:.2g}× on few-shot classes" in drawing.sentence


def test_a_pictures_weights_are_multiples():
    drawing = figures.picture_weights([1.0, 3.2, 0.5], [1, 1, 1], "this cat", 1, 2, 3, "relative")
    assert drawing.sentence == (
        "At epoch 2 this cat gets w_hard 3.2× and w_soft 1× the objective's own weight; at epoch 1 "
        "it got 1× and 1×."
    )
    assert drawing.layout["yaxis"]["type"] == "log"
    alone = figures.picture_weights([1.0, 3.2, 0.5], None, "this cat", 1, 2, 3, "relative")
    assert len(alone.data) == 1
    assert alone.sentence.endswith("w_hard 3.2× the objective's own weight; at epoch 1 it got 1×.")


def test_a_picture_whose_step_had_no_hypergradient_has_a_gap():
    drawing = figures.picture_influence([None, -2.0, None], [None, 1.0, None], "this cat", 1, 2, 3)
    assert drawing.data[0]["y"] == [None, -2.0, None]
    assert drawing.data[0]["mode"] == "lines+markers"
    assert "more of its hard loss (−2)" in drawing.sentence
    assert drawing.sentence.endswith(" 2 of 3 epochs drawn have none.")
    missing = figures.picture_influence([None, -2.0], None, "this cat", 1, 1, 3)
    assert missing.sentence.startswith("At epoch 1 the step with this cat had no hypergradient.")
    nothing = figures.picture_influence([None, None], [None, None], "this cat", 1, 1, 3)
    assert nothing.data == []
    assert "None of the steps with this cat had a hypergradient" in nothing.sentence


def test_runs_of_two_scales_side_by_side_keep_their_own_weight_axes():
    plain = RunConfig.from_flat({"epochs": 4})
    epoch = epoch_done(4, plain)
    other = figures.weight_distribution(
        made_up.histograms(plain, epoch), epoch, started(plain), "hard"
    )
    first, second = figures.on_same_axes(other, distribution())
    assert first.layout["xaxis"]["range"] == [-0.01, 1.01]
    assert second.layout["xaxis"] == distribution().layout["xaxis"]
    assert first.layout["yaxis"]["range"] == second.layout["yaxis"]["range"]
