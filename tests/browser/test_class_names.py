"""Names of classes that a file held, in figures: Plotly would read some HTML in them."""

import dataclasses

import pytest

from bikd_core.places import Places
from tests import made_up

NAMES = ('<a href="http://foreign.example">x</a>', "R&amp;D", "<i>y", "a < b", *"456789")


@pytest.mark.slow
def test_a_class_name_is_neither_a_link_nor_a_style(server_url, new_page, home, monkeypatch):
    started = made_up.started
    monkeypatch.setattr(
        made_up,
        "started",
        lambda config: dataclasses.replace(started(config), class_names=NAMES),
    )
    run = made_up.make_run(Places.at(home).runs)
    page = new_page(f"{server_url}/?run={run.run_id}&view=Weights", "This run")
    figure = page.locator(".st-key-figure_w_hard .js-plotly-plot")
    ticks = figure.locator(".yaxislayer-above text, .yaxislayer-below text, .ytick text")
    ticks.first.wait_for()
    said = " ".join(ticks.all_text_contents())
    assert "<a href" in said
    assert "R&amp;D" in said
    assert "<i>y" in said
    assert "a < b" in said
    assert page.locator(".js-plotly-plot svg a").count() == 0
    assert figure.locator("tspan[style*=italic]").count() == 0
