"""Learned class shifts against log π, by value."""

import dataclasses
import json

import numpy as np
import pytest

from app import figures
from bikd_core.config import RunConfig
from tests.made_up import epoch_done, started

CONFIG = RunConfig.from_flat(
    {"over": "prior_kd", "weight_scale": "relative", "class_shifts": "each", "epochs": 4}
)
STARTED = started(CONFIG)
LOG_PRIOR = np.log(np.array(STARTED.class_counts) / sum(STARTED.class_counts))
EPOCHS = [epoch_done(number, CONFIG) for number in range(1, 5)]
TAIL_HIGHER = np.array([0.0] * 7 + [1.0] * 3)


def with_shifts(hard, soft=None):
    return dataclasses.replace(
        EPOCHS[0],
        shift_hard_per_class=tuple(hard),
        shift_soft_per_class=None if soft is None else tuple(soft),
    )


def traces(drawing):
    return {trace["uid"]: trace for trace in drawing.data}


def test_shifts_and_log_prior_are_drawn_without_their_means():
    epochs = [with_shifts(LOG_PRIOR + 5), with_shifts(LOG_PRIOR + TAIL_HIGHER - 7)]
    drawn = traces(figures.class_shifts(epochs, STARTED, 2))
    centred = LOG_PRIOR - LOG_PRIOR.mean()
    assert drawn["log-prior"]["x"] == pytest.approx(centred, abs=1e-4)
    assert drawn["shift-hard"]["x"] == pytest.approx(centred + TAIL_HIGHER - 0.3, abs=1e-4)
    assert drawn["way-hard"]["x"][:2] == pytest.approx(
        [centred[0], drawn["shift-hard"]["x"][0]], abs=1e-4
    )
    assert "shift-soft" not in drawn


def test_the_sentence_holds_the_thirds_against_log_prior():
    epochs = [with_shifts(LOG_PRIOR), with_shifts(LOG_PRIOR + TAIL_HIGHER, LOG_PRIOR)]
    epochs[0] = with_shifts(LOG_PRIOR, LOG_PRIOR)
    sentence = figures.class_shifts(epochs, STARTED, 2).sentence
    assert sentence.startswith(
        "At epoch 2 the learned shifts differ from log π by: hard loss +0.70 on few-shot "
        "classes, −0.30 on many-shot ones; soft loss +0.00 on few-shot classes, +0.00 on "
        "many-shot ones."
    )


def test_lines_over_the_epochs_are_the_distance_from_log_prior():
    drawing = figures.shifts_over_epochs(EPOCHS, STARTED, 2, 10)
    drawn = traces(drawing)
    assert set(drawn) == {"hard-few", "hard-many", "soft-few", "soft-many"}
    rank = np.linspace(0, 1, 10)
    rank -= rank.mean()
    shares = np.arange(1, 5) / 4
    assert drawn["hard-few"]["y"] == pytest.approx(-shares * rank[7:].mean(), abs=1e-3)
    assert drawn["soft-many"]["y"] == pytest.approx(shares * rank[:3].mean(), abs=1e-3)
    assert drawing.layout["shapes"][0]["x0"] == 2
    assert drawing.sentence.startswith("At epoch 2 ")


def test_nothing_learned_is_an_empty_figure():
    plain = [dataclasses.replace(EPOCHS[0], shift_hard_per_class=None, shift_soft_per_class=None)]
    assert figures.class_shifts(plain, STARTED, 1).data == []
    assert figures.shifts_over_epochs(plain, STARTED, 1, 1).data == []


def test_figures_are_strict_json_with_their_sentence_in_the_alt_text():
    config = RunConfig.from_flat(
        {"dataset": "cifar100", "weight_scale": "relative", "class_shifts": "one", "epochs": 2}
    )
    epochs, begun = [epoch_done(number, config) for number in (1, 2)], started(config)
    for drawing in (
        figures.class_shifts(EPOCHS, STARTED, 4),
        figures.shifts_over_epochs(EPOCHS, STARTED, 4, 4),
        figures.class_shifts(epochs, begun, 2),
        figures.shifts_over_epochs(epochs, begun, 2, 2),
    ):
        json.dumps(drawing._asdict(), allow_nan=False)
        assert drawing.sentence in drawing.alt
        assert drawing.title.endswith("?")
