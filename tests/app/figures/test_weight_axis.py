"""The axis of each scale of weights, by value."""

import numpy as np
import pytest

from app.figures.weight_axis import weight_axis_of
from bikd_core.evaluation import bin_centres, bin_of

SIGMOID, RELATIVE = weight_axis_of("sigmoid"), weight_axis_of("relative")


def shown(axis):
    """The ticks inside the range, by their text."""
    low, high = axis["range"]
    at = dict(zip(axis["ticktext"], np.log10(axis["tickvals"]), strict=True))
    return {text: place for text, place in at.items() if low <= place <= high}


def test_relative_histograms_have_a_log_axis_whose_ends_say_that_more_lies_beyond():
    axis = RELATIVE.binned()
    assert axis["type"] == "log"
    ticks = shown(axis)
    assert list(ticks) == ["≤ 1/20×", "1/5×", "1×", "5×", "≥ 20×"]
    assert ticks["1×"] == 0
    assert [ticks["1/5×"], ticks["5×"]] == pytest.approx([-np.log10(5), np.log10(5)])
    assert bin_of(np.array([axis["tickvals"][0]]), "relative") == 0
    assert bin_of(np.array([axis["tickvals"][-1]]), "relative") == 63


def test_the_axis_of_histograms_ends_where_its_bins_end():
    low, high = RELATIVE.ends
    assert bin_of(np.array([1.001 * low, 0.999 * high]), "relative").tolist() == [0, 63]
    centres = bin_centres("relative")
    assert low / centres[0] == pytest.approx(centres[63] / high)
    assert SIGMOID.ends == (0, 1)


@pytest.mark.parametrize("letter", ["x", "y"])
def test_a_trace_has_each_bin_at_its_centre(letter):
    assert RELATIVE.bins(letter)[letter] == pytest.approx(bin_centres("relative"), rel=1e-3)
    equal = SIGMOID.bins(letter)
    centres = equal[f"{letter}0"] + np.arange(64) * equal[f"d{letter}"]
    assert centres == pytest.approx(bin_centres("sigmoid"))


@pytest.mark.parametrize(
    ("weight", "words"),
    [(1, "1×"), (3.21, "3.2×"), (12.3, "12×"), (0.314, "0.31×"), (0.05, "0.05×"), (254.6, "255×")],
)
def test_a_relative_weight_is_said_as_a_multiple(weight, words):
    assert RELATIVE.word(weight) == words


def test_bins_are_said_by_their_edges():
    assert SIGMOID.bin_in_words(16) == "0.250 to 0.266"
    assert RELATIVE.bin_in_words(32) == "0.953× to 1.05×"
    assert RELATIVE.bin_in_words(0) == "0.0476× and less"
    assert RELATIVE.bin_in_words(63) == "19.1× and more"


def test_positions_are_logarithms_there_and_back_and_the_weight_0_has_one():
    weights = np.array([1 / 400, 1.0, 55.0])
    assert RELATIVE.position(weights) == pytest.approx(np.log10(weights))
    assert RELATIVE.weight_at(RELATIVE.position(weights)) == pytest.approx(weights)
    assert np.isfinite(RELATIVE.position(0.0))
    assert SIGMOID.position(weights).tolist() == weights.tolist()


def test_weights_beyond_the_axis_stand_at_its_ends():
    low, high = RELATIVE.ends
    assert RELATIVE.within(np.array([0.0, 1.0, 55.0])).tolist() == [low, 1.0, high]
    assert SIGMOID.within(np.array([0.0, 1.0])).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("values", "ends"), [([0.21, 4.9], ("1/5×", "5×")), ([0.9, 5.1], ("1/20×", "20×"))]
)
def test_lines_near_1_have_a_shorter_axis(values, ends):
    texts = sorted(shown(RELATIVE.over_epochs(values)).items(), key=lambda tick: tick[1])
    assert (texts[0][0], texts[-1][0]) == ends


def test_only_relative_weights_have_a_line_at_the_objectives_own():
    assert SIGMOID.line_at_one("x") == []
    [line] = RELATIVE.line_at_one("y", "2")
    assert (line["y0"], line["y1"], line["yref"], line["xref"]) == (1, 1, "y2", "x2 domain")


@pytest.mark.parametrize(("weight", "words"), [(0.534, "0.5×"), (3.21, "3.2×"), (0.04, "0.04×")])
def test_there_is_a_shorter_form_for_small_places(weight, words):
    assert RELATIVE.short_word(weight) == words
    assert SIGMOID.short_word(0.534) == "0.53"
