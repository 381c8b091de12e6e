"""A run with relative weights, made up: what a viewer reads in each view of its weights."""

import pytest

from bikd_core.places import Places
from tests.browser.test_views import chart, sentences, wait_for_figures
from tests.made_up import make_run

WEIGHTS = ("w_hard", "w_soft")
TICKS = ["≤ 1/20×", "1/5×", "1×", "5×", "≥ 20×"]


@pytest.fixture
def open_view(server_url, new_page, home):
    run = make_run(Places.at(home).runs, over="prior_kd", weight_scale="relative", epochs=3)

    def open_page(view, figures):
        page = new_page(f"{server_url}/?run={run.run_id}&view={view}")
        wait_for_figures(page, figures)
        return page

    return open_page


def ticks(page, figure: str, axis: str) -> list[str]:
    found = page.locator(f"{chart(figure)} .{axis}").all_text_contents()
    return [text.strip() for text in found]


def test_weights_stand_on_a_log_axis_of_multiples_with_a_line_at_1(open_view):
    page = open_view("Weights", WEIGHTS)
    for figure in WEIGHTS:
        assert ticks(page, figure, "xtick") == TICKS
        assert page.locator(f"{chart(figure)} .shapelayer path").count() == 1
    for sentence in sentences(page, WEIGHTS):
        assert sentence.startswith("At epoch 3 few-shot classes get ")
        assert "× the objective's own weight" in sentence


def test_the_surface_has_colours_in_multiples_and_the_axis_says_what_the_net_saw(open_view):
    figures = ("surface_hard", "surface_soft")
    page = open_view("Surface", figures)
    for figure in figures:
        bar = ticks(page, figure, "cbaxis text")
        assert {"1×", "5×"} < set(bar)
        title = page.locator(f"{chart(figure)} .xtitle").text_content()
        assert title == "student's loss as the net saw it (nats)"
    for sentence in sentences(page, figures):
        assert "× the objective's own weight over the middle nine tenths" in sentence


def test_the_outer_loop_says_whether_d_val_and_the_images_agree_about_the_tail(open_view):
    figures = ("mean_factor", "class_pull", "class_influence")
    page = open_view("Outer loop", figures)
    factor, pull, _ = sentences(page, figures)
    assert "relative weights have mean 1" in factor
    assert "the two agree" in pull
