"""Learning rate and speed are changed on the page while a run trains."""

import re

import pytest

from bikd_core.bench.browser import HEADLINE
from tests.browser.test_lab import start


@pytest.mark.slow
def test_rate_and_speed_change_while_it_trains_and_are_marked_in_the_curves(server_url, new_page):
    page = new_page(f"{server_url}/?method=ce&epochs=3000")
    start(page)
    page.wait_for_function(
        "() => Number(document.querySelector('.bikd-timeline input')?.value) >= 3",
    )
    page.get_by_role("button", name="Tune").click()
    rate = page.get_by_role("spinbutton", name=re.compile("Learning rate, before its decay"))
    rate.fill("0.02")
    rate.press("Enter")
    page.wait_for_timeout(1500)
    tune = page.locator("[data-testid=stPopoverBody]")
    speed = tune.get_by_role("slider", name="Speed")
    speed.press("ArrowLeft")  # from full to 5 epochs a second
    speed.press("ArrowLeft")
    page.keyboard.press("Escape")
    page.get_by_text("Accuracy", exact=True).first.click()
    labels = page.locator(".st-key-figure_accuracy .annotation-text")
    labels.filter(has_text="learning rate 0.02").first.wait_for()
    labels.filter(has_text="at most 2 epochs/s").first.wait_for()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.locator(HEADLINE).get_by_text("stopped", exact=True).wait_for()
    assert page.get_by_role("button", name="Tune").is_disabled()
