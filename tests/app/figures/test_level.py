"""Figures of single images name no third of the classes where all classes are equally large."""

import dataclasses
import json
import re

import pytest

from app.figures import step as figures
from bikd_core.config import RunConfig
from tests.app.figures import test_response_curve, test_surface
from tests.app.figures.test_step import STARTED, step_of

GROUPS = re.compile(r"\b(many|medium|few)\b")


def level_step(num_classes=3):
    names = tuple("abc") + tuple(f"class {number}" for number in range(3, num_classes))
    started = dataclasses.replace(STARTED, class_names=names, class_counts=(9,) * num_classes)
    return dataclasses.replace(step_of(), started=started)


def curve():
    config = RunConfig.from_flat(
        {"over": "ce", "weight_scale": "relative", "epochs": 4, "imbalance_factor": 1}
    )
    return test_response_curve.draw(config, scale="relative")[1]


LEVEL = {
    "surface": lambda: test_surface.draw(imbalance_factor=1)[2],
    "curve": curve,
    "batch": lambda: figures.batch(level_step()),
    "influence": lambda: figures.influence(level_step(), "hard"),
    "answer": lambda: figures.answer(level_step(), "hard"),
    "outer pull": lambda: figures.outer_pull(level_step()),
    "pull": lambda: figures.pull(level_step()),
    "new weights": lambda: figures.new_weights(level_step(), "hard"),
    "batch of 100 classes": lambda: figures.batch(level_step(100)),
    "pull of 100 classes": lambda: figures.pull(level_step(100)),
    "new weights of 100 classes": lambda: figures.new_weights(level_step(100), "hard"),
}


@pytest.mark.parametrize("name", LEVEL)
def test_no_third_is_named_and_all_images_look_alike(name):
    drawing = LEVEL[name]()
    shown = [
        {key: text for key, text in trace.items() if key in {"name", "hovertemplate", "customdata"}}
        for trace in drawing.data
    ]
    said = json.dumps([shown, drawing.layout["yaxis"].get("ticktext"), drawing.sentence])
    assert not GROUPS.search(said)
    marks = [trace for trace in drawing.data if re.search(r"-(many|medium|few)$", trace["uid"])]
    assert len({(mark["marker"]["color"], mark["name"]) for mark in marks}) <= 1
    assert sum(mark["showlegend"] for mark in marks) == bool(marks)
