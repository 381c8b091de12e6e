"""The answers of a weight net that sees the student's loss alone, by value."""

import dataclasses
import json

import numpy as np
import pytest

from app import figures
from bikd_core.config import RunConfig
from bikd_core.events import SURFACE_AXIS
from tests import made_up

CONFIG = RunConfig.from_flat({"over": "ce", "weight_scale": "relative", "epochs": 4})


def draw(config=CONFIG, **options):
    frame = made_up.frame_of(config, made_up.epoch_done(4, config))
    panel = made_up.panel(made_up.labels_of(config))
    return frame, figures.response_curve(frame, panel, made_up.started(config), **options)


@pytest.mark.parametrize("axes", ["log", "linear"])
def test_the_curve_is_the_first_row_of_the_surface_within_the_axis(axes):
    _, drawing = draw(axes=axes, scale="relative")
    curve = drawing.data[0]
    assert curve["x"][1:] == pytest.approx(SURFACE_AXIS, rel=1e-3)
    lowest = 20 ** (-32.5 / 31)
    assert curve["y"][1:] == pytest.approx(np.maximum(np.sqrt(SURFACE_AXIS), lowest), rel=2e-3)
    assert drawing.layout["xaxis"]["type"] == axes
    assert drawing.layout["yaxis"]["type"] == "log"


def test_every_image_stands_at_its_loss_and_weight_with_its_row():
    frame, drawing = draw(scale="relative")
    rows = [row for trace in drawing.data[1:] for row in trace["customdata"]]
    y = [value for trace in drawing.data[1:] for value in trace["y"]]
    assert sorted(rows) == list(range(len(frame.weights)))
    assert y == pytest.approx(frame.weights[rows, 0], rel=0.01)


def test_images_stand_at_the_loss_that_the_net_saw():
    frame = made_up.frame_of(CONFIG, made_up.epoch_done(4, CONFIG))
    seen = np.linspace(0.5, 2, len(frame.ce_student), dtype=np.float32)
    panel = made_up.panel(made_up.labels_of(CONFIG))
    frame = dataclasses.replace(frame, seen_by_net=seen)
    drawing = figures.response_curve(frame, panel, made_up.started(CONFIG), scale="relative")
    for trace in drawing.data[1:]:
        assert trace["x"] == pytest.approx(seen[trace["customdata"]], rel=0.01)
    assert "as the net saw it" in drawing.layout["xaxis"]["title"]["text"]


def test_weights_of_the_sigmoid_have_a_plain_axis():
    frame = made_up.frame_of(CONFIG, made_up.epoch_done(4, CONFIG))
    frame = dataclasses.replace(
        frame, raw_mean=None, weights=np.full_like(frame.weights, 0.5), surface=frame.surface / 4
    )
    panel = made_up.panel(made_up.labels_of(CONFIG))
    drawing = figures.response_curve(frame, panel, made_up.started(CONFIG))
    assert drawing.layout["yaxis"]["range"] == [0, 1.01]
    assert "w_hard runs from 0.50 to 0.50" in drawing.sentence


def test_the_note_ends_the_sentence_and_the_figure_is_strict_json():
    _, drawing = draw(scale="relative", note="One more thing.")
    assert drawing.sentence.endswith(" One more thing.")
    assert drawing.sentence in drawing.alt
    json.dumps(drawing._asdict(), allow_nan=False)


def test_a_method_without_weights_is_refused():
    frame = made_up.frame(1, np.ones(3), 10)
    with pytest.raises(ValueError, match="weight net"):
        figures.response_curve(frame, made_up.panel(np.zeros(3)), made_up.started(CONFIG))
