"""The hover box of a figure."""

import pytest

from tests.browser.test_lab import wait_for_epoch
from tests.browser.test_timeline import LAST

PLOT = ".st-key-figure_accuracy .js-plotly-plot"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_hover_box_hides_the_lines_under_it_and_names_the_epoch(recorded_url, new_page, scheme):
    page = new_page(recorded_url, color_scheme=scheme)
    wait_for_epoch(page, LAST)
    page.locator(f"{PLOT} .nsewdrag").wait_for()
    page.locator(f"{PLOT} .nsewdrag").hover()
    box = page.locator(f"{PLOT} .hoverlayer .legend")
    box.get_by_text("balanced").wait_for()
    words = box.text_content()
    assert "epoch 3" in words  # the middle of 60
    assert "few" in words
    colour = box.locator(".bg").evaluate("rect => getComputedStyle(rect).fill")
    opacity = box.locator(".bg").evaluate("rect => getComputedStyle(rect).fillOpacity")
    behind = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert (colour, opacity) == (behind, "1")
