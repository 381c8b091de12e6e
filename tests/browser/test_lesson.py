"""The first page moves by itself, and the lesson is walked by keyboard from card 1 to the last."""

import re

import pytest

from app.lesson.cards import count, read_card

PAUSE = re.compile("Pause the recorded run|Play the recorded run")


def wait_for_card(page, number: int) -> None:
    page.get_by_role("heading", name=read_card(number)[0].title, level=1).wait_for()


@pytest.mark.slow
def test_the_first_page_moves_and_its_doors_lead_on(server_url, new_page):
    page = new_page(server_url, PAUSE)
    epoch = page.locator(".bikd-run-epoch")
    first = epoch.inner_text()
    page.wait_for_function(
        "text => document.querySelector('.bikd-run-epoch').textContent !== text", arg=first
    )
    play = page.get_by_role("button", name=PAUSE)
    play.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Play the recorded run").wait_for()
    page.locator(".bikd-run-slider").focus()
    page.keyboard.press("End")
    assert epoch.inner_text() == "epoch 60 of 60"
    page.locator(".bikd-run-intro .bikd-term", has_text="weight net").focus()
    page.get_by_role("tooltip").get_by_text("A tiny network that looks at").wait_for()
    # The server's page brought a first picture along, which has gone.
    assert "#bikd-first" in page.request.get(server_url).text()
    assert page.locator("#bikd-first").count() == 0
    page.get_by_role("link", name="Try").click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    page.go_back()
    page.get_by_role("button", name=PAUSE).wait_for()
    page.emulate_media(reduced_motion="reduce")
    page.reload()
    page.get_by_role("button", name="Play the recorded run").wait_for()
    assert page.locator(".bikd-run-epoch").inner_text() == "epoch 60 of 60"


@pytest.mark.slow
def test_the_lesson_is_walked_by_keyboard_and_leads_to_the_lab(server_url, new_page):
    page = new_page(f"{server_url}/?lesson=1", "Next →")
    wait_for_card(page, 1)
    page.get_by_role("slider", name="Imbalance factor").focus()
    page.keyboard.press("Home")
    page.locator(".bikd-sentence", has_text="106 in the smallest").wait_for()
    page.get_by_role("heading", level=1).get_by_role("link", name="long tail").focus()
    page.get_by_role("tooltip").get_by_text("Thirds of the classes").wait_for()
    page.locator(".bikd-choice").nth(1).focus()
    page.keyboard.press("Enter")
    page.locator(".bikd-revealed").wait_for()
    page.locator(".bikd-symbol").first.focus()
    page.get_by_role("tooltip").get_by_text("Now: 53").wait_for()
    for number in range(2, count() + 1):
        page.keyboard.press(" " if number % 2 else "ArrowRight")
        wait_for_card(page, number)
    assert page.get_by_role("button", name="Next →").is_disabled()
    page.keyboard.press("ArrowLeft")
    wait_for_card(page, count() - 1)
    page.go_back()
    wait_for_card(page, count())
    page.goto(f"{server_url}/learn?lesson=5")
    page.locator(".bikd-choice").first.click()
    listen, silence = (
        page.get_by_role("button", name=name) for name in ("Listen to the weights", "Stop (Escape)")
    )
    listen.focus()
    page.keyboard.press("Enter")
    silence.wait_for()
    page.keyboard.press("Escape")
    listen.wait_for()
    page.get_by_text("w_hard of few-shot classes rises from").wait_for()
    page.get_by_role("button", name="Open it in the Lab").click()
    page.locator(".bikd-timeline output", has_text="epoch 60 of 60").wait_for()
    assert "/lab?" in page.url
