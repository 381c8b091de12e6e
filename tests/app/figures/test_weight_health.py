"""The light of relative weights; that of sigmoid ones is tested with the surface."""

import numpy as np
import pytest

from app.figures.weight_health import judge, light_label, read_health

SPREAD = np.geomspace(0.5, 2, 101)


def lit(weights, raw_mean=1.0):
    return judge(np.asarray(weights, float), "relative", raw_mean)


def test_weights_that_differ_tell_images_apart():
    health = lit(SPREAD)
    assert health.light == "alive"
    assert (health.low, health.high) == pytest.approx((0.536, 1.866), abs=1e-3)
    assert "0.54× to 1.9× where the images lie" in light_label(health, "relative")["text"]
    sentence = read_health(health, "hard", 3, "relative")
    assert sentence.startswith("At epoch 3 w_hard runs from 0.54× to 1.9× the objective's own")
    assert "it tells them apart" in sentence


@pytest.mark.parametrize(("ratio", "light"), [(1.08, "flat"), (1.15, "alive")])
def test_flat_is_a_ratio(ratio, light):
    assert lit(np.geomspace(1, ratio, 101)).light == light
    assert lit(7 * np.geomspace(1, ratio, 101)).light == light


def test_saturation_is_that_of_the_weights_before_they_were_normalised():
    weights = np.array([np.exp(2.9)] * 50 + [np.exp(-2.9)] * 50)
    assert lit(weights).light == "saturated"
    assert lit(weights / 10, raw_mean=10).light == "saturated"
    assert lit(weights / 10).light != "saturated"
    sentence = read_health(lit(weights), "soft", 3, "relative")
    assert "100 % of them get the least or the most that the net can give" in sentence
    assert "Lower the weight net's learning rate" in sentence


@pytest.mark.parametrize(("num_heavy", "light"), [(9, "collapsed"), (11, "alive")])
def test_collapsed_is_half_of_the_weight_on_fewer_than_a_tenth(num_heavy, light):
    weights = np.array(
        [1.0] * num_heavy + [0.9 * num_heavy / (100 - num_heavy)] * (100 - num_heavy)
    )
    health = lit(weights)
    assert health.light == light
    if light == "collapsed":
        assert "half of the weight on 9 % of the images" in light_label(health, "relative")["text"]
        assert "it has collapsed. Lower" in read_health(health, "hard", 1, "relative")


def test_sigmoid_weights_do_not_collapse():
    health = judge(np.array([0.94] * 3 + [0.06] * 12 + [0.001] * 85))
    assert health.half_share == 0.02
    assert health.light == "alive"
