"""The walk through one step of a real run, in a real browser."""

import pytest

from bikd_core.bench.browser import HEADLINE
from tests.browser.test_lab import click, start, wait_for_epoch

FIGURES = [
    ("batch",),
    ("pull",),
    ("outer_loss", "outer_pull"),
    ("influence_hard", "influence_soft"),
    ("answer_hard", "answer_soft"),
    ("new_hard", "new_soft"),
]


def wait_for_figure(page, name: str) -> None:
    """Wait until the figure is drawn with content and a sentence."""
    figure = page.locator(f".st-key-figure_step_{name}")
    figure.locator(".js-plotly-plot .main-svg").first.wait_for()
    page.wait_for_function(
        """name => document.querySelector(
            `.st-key-figure_step_${name} figcaption`)?.textContent.length > 20""",
        arg=name,
    )


def shown_phase(page) -> str:
    return page.locator(".bikd-phase[aria-current=step]").inner_text()


def shown_step(page) -> int:
    return int(page.get_by_label("Recorded step").input_value())


def wait_for_step(page, step: int) -> None:
    page.wait_for_function(
        "step => document.querySelector('.bikd-stepper select')?.value === String(step)",
        arg=step,
    )


@pytest.mark.slow
def test_a_run_is_paused_stepped_and_explored_phase_by_phase(server_url, new_page):
    page = new_page(f"{server_url}/?epochs=2000")
    start(page)
    wait_for_epoch(page, 2)
    click(page, "Pause")
    page.locator(HEADLINE).get_by_text("paused", exact=True).wait_for()
    page.get_by_role("radio", name="One step").click()
    page.get_by_text("the only recorded step").wait_for()  # that each run keeps of its first epoch
    kept = shown_step(page)

    click(page, "One inner step more")
    page.get_by_text("the newest of 2 recorded").wait_for()
    first = shown_step(page)
    assert first > kept
    for number, names in enumerate(FIGURES, 1):
        assert shown_phase(page).startswith(str(number))
        for name in names:
            wait_for_figure(page, name)
        if number < len(FIGURES):
            click(page, "Next ▶")
    assert page.get_by_role("button", name="Next ▶").is_disabled()

    # After another step the phase stays, and Back leads into the previous step.
    click(page, "One inner step more")
    page.get_by_text("the newest of 3 recorded").wait_for()
    second = shown_step(page)
    assert second == first + 1
    assert shown_phase(page).startswith("6")
    for _ in FIGURES:
        click(page, "◀ Back")
    wait_for_step(page, first)
    assert shown_phase(page).startswith("6")
    page.wait_for_timeout(2500)  # longer than a poll and the timeout of the bar
    assert shown_step(page) == first
    assert shown_phase(page).startswith("6")
    page.locator(".bikd-phase").first.press("ArrowLeft")
    wait_for_figure(page, "answer_hard")

    # Going back has trained nothing.
    page.locator(HEADLINE).get_by_text("paused", exact=True).wait_for()
    assert page.locator(".bikd-stepper option").count() == 3
    click(page, "Stop")
    page.locator(HEADLINE).get_by_text("stopped", exact=True).wait_for()
    # The view is drawn after the headline.
    page.get_by_role("button", name="One inner step more", disabled=True).wait_for()
    wait_for_figure(page, "answer_hard")


def test_the_shown_step_follows_the_epoch_slider(server_url, new_page):
    page = new_page(server_url)
    page.get_by_role("button", name="BiKD lifts the tail").first.click()
    page.wait_for_url("**run=*")
    page.get_by_role("radio", name="One step").click()
    page.get_by_text("the newest of 2 recorded").wait_for()  # of epoch 30
    newest = shown_step(page)
    page.goto(f"{page.url}&epoch=3")
    page.get_by_text("the nearest to epoch 3 · 1 of 2 recorded").wait_for()
    page.get_by_label("Recorded step").select_option(str(newest))
    page.get_by_text("the newest of 2 recorded").wait_for()
    page.get_by_role("button", name="One epoch back").click()
    page.get_by_text("1 of 2 recorded").wait_for()
    assert shown_step(page) < newest
