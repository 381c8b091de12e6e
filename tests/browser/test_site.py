"""The site, opened from the disk without a network: it moves, teaches, draws as the app does."""

import re

import pytest

from bikd_core.cli import main

PLOT = """holder => document.querySelector(holder).querySelector(".js-plotly-plot").data
    .map(({x, y, z}) => [x, y, z].map(values => JSON.stringify(Array.from(values ?? []))))"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Write the site once, and return the address of its folder."""
    folder = tmp_path_factory.mktemp("site")
    assert main(["site", str(folder)]) == 0
    return folder.as_uri()


@pytest.fixture
def alone(browser):
    """A page without a network; a script error on it fails the test."""
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 720})
    errors = []
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(error))  # playwright wants a function
    yield page
    context.close()
    assert errors == []


def card_of(page, number):
    page.locator(".bikd-place", has_text=f"{number} of 10").wait_for()
    page.locator(".nsewdrag").first.wait_for()
    page.wait_for_timeout(300)


@pytest.mark.slow
def test_the_first_page_moves_and_leads_to_the_lesson_and_the_runs(site, alone):
    alone.goto(f"{site}/index.html")
    epoch = alone.locator(".bikd-run-epoch")
    first = epoch.inner_text()
    alone.wait_for_function(
        "text => document.querySelector('.bikd-run-epoch').textContent !== text", arg=first
    )
    alone.locator(".bikd-term", has_text="weight net").focus()
    alone.get_by_role("tooltip").get_by_text("A tiny network that looks at").wait_for()
    alone.get_by_role("link", name="Compare").click()
    alone.locator("#figure-paired_accuracy .nsewdrag").wait_for()
    alone.go_back()
    alone.get_by_role("link", name=re.compile("CIFAR-10-LT")).click()
    alone.locator(".nsewdrag").first.wait_for()
    alone.get_by_role("link", name="Bilevel Distillation Lab").click()
    alone.get_by_role("link", name="Learn").click()
    card_of(alone, 1)


@pytest.mark.slow
def test_the_lesson_asks_reveals_and_draws_what_the_app_draws(site, alone, server_url, new_page):
    alone.goto(f"{site}/learn.html#99")
    alone.get_by_text("There is no card 99: the lesson has 10. Card 1 is shown.").wait_for()
    card_of(alone, 1)
    alone.goto(f"{site}/learn.html#8")
    card_of(alone, 8)
    app = new_page(f"{server_url}/?lesson=8", "Next →")
    card_of(app, 8)
    for page in (alone, app):
        page.locator(".bikd-choice").nth(1).click()
        page.locator(".bikd-revealed").wait_for()
        page.get_by_role("slider", name="Epoch").fill("30")
        page.locator(".bikd-sentence", has_text="At epoch 30").wait_for()
    alone.wait_for_timeout(500)
    assert alone.evaluate(PLOT, "#figure") == app.evaluate(PLOT, ".st-key-lesson_figure")
    words = ".bikd-revealed"
    assert alone.locator(words).inner_text() == app.locator(words).inner_text()
    alone.get_by_role("link", name="Look at this run").click()
    alone.locator("nav button[aria-pressed=true]", has_text="Surface").wait_for()
    alone.locator(".bikd-timeline output", has_text="epoch 30 of 60").wait_for()
    alone.go_back()
    card_of(alone, 8)
    alone.locator(".bikd-revealed").wait_for()  # the answer is kept for the session
    alone.keyboard.press("ArrowRight")
    card_of(alone, 9)
    assert alone.url.endswith("#9")
