"""Two recorded runs side by side in a real browser."""

import re

import pytest

BIKD, KD = "BiKD lifts the tail", "plain distillation"


def sentence(page, figure: str) -> str:
    caption = page.locator(f".st-key-figure_{figure} figcaption")
    return caption.filter(has_text=re.compile(".")).inner_text()


@pytest.mark.slow
def test_two_runs_go_through_time_together_and_come_back_from_the_link(server_url, new_page):
    page = new_page(server_url)
    page.get_by_role("button", name=KD).first.click()
    page.wait_for_url("**run=*")
    page.goto(f"{server_url}/lab")
    page.get_by_role("button", name=BIKD).first.click()
    page.get_by_text("vs KD, same seed").wait_for()
    page.get_by_role("button", name="Two runs").click()
    page.get_by_role("button", name="Show it").click()
    page.wait_for_url("**with=*")
    page.keyboard.press("Escape")
    page.get_by_text("B differs only in method: KD instead of BiKD.").wait_for()
    page.get_by_text("Accuracy", exact=True).first.click()
    for side in "AB":
        page.locator(f".st-key-figure_accuracy_{side} .nsewdrag").wait_for()
    page.get_by_role("button", name="One epoch back").click()
    for side in "AB":
        caption = page.locator(f".st-key-figure_accuracy_{side} figcaption")
        caption.filter(has_text="At epoch 59 of 60").wait_for()
    page.locator(".st-key-figure_confusion_difference .nsewdrag").wait_for()
    assert re.search(
        r"At epoch 59, compared with A, B gets .* points", sentence(page, "confusion_difference")
    )
    page.wait_for_url("**epoch=59*")

    second = new_page(page.url)
    second.get_by_text("B differs only in method: KD instead of BiKD.").wait_for()
    second.locator(".st-key-figure_accuracy_B .nsewdrag").wait_for()
    for side in "AB":
        assert sentence(second, f"accuracy_{side}") == sentence(page, f"accuracy_{side}")
