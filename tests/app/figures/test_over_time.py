"""Weights over time by value."""

import json

import numpy as np
import pytest

from app import figures
from app.figures.over_time import MAX_COLUMNS
from bikd_core.config import RunConfig
from bikd_core.events import WEIGHT_BINS
from tests.app.shown import unpacked
from tests.made_up import epoch_done, histograms


def counts_of(num_epochs, labels=(7, 8, 9)):
    config = RunConfig.from_flat({"epochs": num_epochs})
    made = [
        histograms(config, epoch_done(number, config))[:, list(labels)].sum(axis=1)
        for number in range(1, num_epochs + 1)
    ]
    return np.stack(made)


def per_mille(trace):
    """[64, columns], as it is drawn."""
    return unpacked(trace["z"])


def test_a_column_holds_the_shares_of_its_epochs_images():
    counts = np.zeros((3, 2, WEIGHT_BINS), dtype=int)
    counts[:, 0, :10] = 10
    counts[:, 1, 54:] = 10
    counts[2, 0] = 0
    counts[2, 0, 20:24] = (5, 10, 15, 20)
    hard, soft, difference = figures.weights_over_time(counts, "few-class", 1, 5).data
    assert per_mille(hard)[:, 0].tolist() == [100] * 10 + [0] * 54
    assert per_mille(hard)[20:24, 2].tolist() == [100, 200, 255, 255]  # drawn up to 25 %
    assert per_mille(soft)[:, 1].tolist() == [0] * 54 + [100] * 10
    assert per_mille(difference)[:, 0].tolist() == [100] * 10 + [0] * 44 + [-100] * 10
    assert per_mille(hard).shape == (WEIGHT_BINS, 3)


def test_the_shares_of_a_column_add_up_to_one():
    counts = np.ones((4, 2, WEIGHT_BINS), dtype=int)
    hard, *_ = figures.weights_over_time(counts, "few-class", 1, 4).data
    assert per_mille(hard).sum(axis=0).tolist() == pytest.approx([1000] * 4, abs=WEIGHT_BINS / 2)


def test_bins_and_colours_are_the_same_for_all_runs():
    drawings = [figures.weights_over_time(counts_of(n), "few-class", 1, n) for n in (2, 20)]
    for one, other in zip(drawings[0].data, drawings[1].data, strict=True):
        for name in ("y0", "dy", "zmin", "zmax", "colorscale"):
            assert one[name] == other[name]
    assert [trace["zmax"] for trace in drawings[0].data] == [250, 250, 125]
    assert drawings[0].data[2]["zmin"] == -125
    assert drawings[0].data[0]["y0"] == 0.5 / WEIGHT_BINS


def test_the_axis_is_that_of_the_whole_run_and_the_chosen_epoch_is_marked_in_each_panel():
    layout = figures.weights_over_time(counts_of(4), "few-class", 3, 60).layout
    assert layout["xaxis"]["range"] == [0.5, 60.5]
    assert layout["xaxis2"]["matches"] == layout["xaxis3"]["matches"] == "x"
    marks = [(line["xref"], line["x0"]) for line in layout["shapes"]]
    assert marks == [("x", 3), ("x2", 3), ("x3", 3)]


def test_the_sentence_reads_the_means_then_and_now():
    counts = np.zeros((2, 2, WEIGHT_BINS), dtype=int)
    counts[0, :, 32] = 4
    counts[1, 0, 60], counts[1, 1, 0] = 4, 4
    sentence = figures.weights_over_time(counts, "class cat", 2, 2).sentence
    assert sentence == (
        "At epoch 2 the median of the class cat images has a w_hard of 0.95 and a w_soft of 0.01; "
        "at epoch 1 it was 0.51 and 0.51."
    )


def test_epochs_without_a_histogram_are_counted_and_left_out_of_means():
    counts = counts_of(5)
    counts[[1, 4]] = 0
    drawing = figures.weights_over_time(counts, "few-class", 5, 5)
    assert drawing.sentence.startswith("There is no histogram of epoch 5.")
    assert "2 of 5 epochs have no histogram that can be read." in drawing.sentence


def test_no_histogram_at_all_is_an_empty_figure():
    drawing = figures.weights_over_time(counts_of(3) * 0, "few-class", 3, 3)
    assert drawing.data == []
    assert "no weight histograms" in drawing.sentence


def test_columns_of_long_runs_are_means_and_it_is_said():
    counts = np.zeros((300, 2, WEIGHT_BINS), dtype=int)
    counts[:, :, 0] = 1
    counts[0::3, 0] = np.eye(WEIGHT_BINS, dtype=int)[5]  # epochs 1, 4, 7 …
    drawing = figures.weights_over_time(counts, "few-class", 1, 360)
    hard = per_mille(drawing.data[0])
    assert hard.shape == (WEIGHT_BINS, 100)
    assert hard[5, 0] == 255  # a third of each column's images, beyond the end of the colours
    assert per_mille(drawing.data[2])[5, 0] == 127
    assert (drawing.data[0]["x0"], drawing.data[0]["dx"]) == (2, 3)
    assert drawing.sentence.endswith("A column is the mean of 3 epochs.")


def test_the_longest_figure_is_small_enough_to_poll():
    drawing = figures.weights_over_time(counts_of(MAX_COLUMNS), "few-class", 1, MAX_COLUMNS)
    assert per_mille(drawing.data[0]).shape == (WEIGHT_BINS, MAX_COLUMNS)
    assert len(json.dumps(drawing._asdict(), allow_nan=False)) < 40_000
    assert drawing.sentence in drawing.alt
    assert drawing.title.endswith("?")
