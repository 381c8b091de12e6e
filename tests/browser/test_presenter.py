"""Presenter mode: one question a screen, text of 20 px and more, in the address."""

import re

import pytest

from tests.browser.test_axe import wait_for_figures
from tests.browser.test_lab import epoch_of, wait_for_epoch
from tests.browser.test_timeline import LAST

LEGIBLE = 20  # px
#: The texts on the page that are smaller, as they are seen; parts of formulas aside.
SMALL_TEXTS = """(legible) => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode, element = text.parentElement, range = new Range();
        if (element.closest("style, script, noscript, .unseen, .katex")) continue;
        if (!text.data.trim() || !element.checkVisibility({visibilityProperty: true})) continue;
        range.selectNodeContents(text);
        const {width, height} = range.getBoundingClientRect();
        if (width < 2 || height < 2) continue;
        const plot = element.closest(".bikd-plot");
        const scale = plot ? new DOMMatrix(getComputedStyle(plot).transform).a : 1;
        const size = parseFloat(getComputedStyle(element).fontSize) * scale;
        if (size < legible - 0.1) found.push(`${text.data.trim()}: ${size} px`);
    }
    return found;
}"""
SIDE_BAR = "[data-testid=stSidebar]"
LARGE, SMALL = {"width": 1920, "height": 1080}, {"width": 1280, "height": 720}


def titles(page) -> list[str]:
    """The questions that the page's main part shows."""
    return page.locator("[data-testid=stMain] .bikd-title:visible").all_inner_texts()


def wait_for_place(page, words: str) -> None:
    page.locator(".bikd-presenter output").get_by_text(words, exact=True).wait_for()


SENTENCES_END_ABOVE_THE_BAR = """() => {
    const bar = document.querySelector(".bikd-presenter").getBoundingClientRect().top;
    const sentences = [...document.querySelectorAll(".st-key-lab .bikd-figure figcaption")];
    return sentences.length > 0 && sentences.every((sentence) =>
        sentence.textContent && sentence.getBoundingClientRect().bottom <= bar + 1);
}"""


@pytest.mark.slow
def test_key_p_presents_and_escape_leaves_and_a_reload_presents_too(recorded_url, new_page):
    page = new_page(recorded_url)
    wait_for_epoch(page, LAST)
    page.locator(".bikd-presenter").wait_for(state="attached")  # it hears the key
    page.keyboard.press("p")
    wait_for_place(page, "Overview · 1 of 5")
    page.wait_for_url("**present=true*")
    assert not page.locator(SIDE_BAR).is_visible()
    assert not page.get_by_role("button", name="Start", exact=True).is_visible()
    page.keyboard.press("ArrowDown")
    wait_for_place(page, "Overview · 2 of 5")
    page.wait_for_url("**question=2*")
    page.reload()
    wait_for_place(page, "Overview · 2 of 5")
    page.locator("[data-test-script-state=notRunning]").wait_for()
    page.keyboard.press("Escape")
    page.locator(SIDE_BAR).wait_for()
    page.wait_for_url(re.compile("^((?!present|question).)*$"))


@pytest.mark.slow
def test_arrows_go_through_epochs_questions_and_views(recorded_url, new_page):
    page = new_page(f"{recorded_url}&present=true&question=5", "Leave (P)")
    wait_for_place(page, "Overview · 5 of 5")
    page.keyboard.press("ArrowDown")
    wait_for_place(page, "Weights · 1 of 4")
    page.wait_for_url("**view=Weights*")
    page.keyboard.press("PageUp")
    wait_for_place(page, "Overview · 5 of 5")
    wait_for_figures(page)
    assert titles(page) == ["Which classes does the student get right?"]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**epoch={LAST - 2}*")
    assert epoch_of(page) == LAST - 2
    wait_for_place(page, "Overview · 5 of 5")


@pytest.mark.slow
def test_p_does_nothing_while_somebody_types(recorded_url, new_page):
    page = new_page(recorded_url)
    wait_for_epoch(page, LAST)
    page.get_by_role("button", name="This run").click()
    name = page.get_by_role("textbox", name="Name")
    name.wait_for()
    name.press("p")
    page.keyboard.press("Escape")
    seed = page.get_by_role("spinbutton", name="Seed", exact=True)
    seed.focus()
    page.keyboard.press("p")
    page.wait_for_timeout(1500)
    assert page.locator(SIDE_BAR).is_visible()
    assert "present" not in page.url


@pytest.mark.slow
@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["1280", "1920"])
def test_each_text_is_read_from_the_back_row(recorded_url, new_page, size):
    page = new_page(f"{recorded_url}&present=true", "Leave (P)", viewport=size)
    small = {}
    for view in ("Overview", "Surface", "Accuracy", "Pictures", "One step"):
        page.goto(f"{recorded_url}&present=true&view={view.replace(' ', '+')}")
        wait_for_figures(page)
        page.wait_for_timeout(1000)
        small[view] = page.evaluate(SMALL_TEXTS, LEGIBLE)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert {view: texts for view, texts in small.items() if texts} == {}


@pytest.mark.slow
def test_a_figure_fits_the_screen_with_its_sentence_and_answers_the_pointer(recorded_url, new_page):
    page = new_page(f"{recorded_url}&present=true&question=3&epoch=40", "Leave (P)")
    wait_for_figures(page)
    page.wait_for_timeout(1000)
    assert titles(page) == ["How good is the student on balanced test data?"]
    page.wait_for_function(SENTENCES_END_ABOVE_THE_BAR)
    plot = page.locator(".st-key-figure_accuracy .nsewdrag").bounding_box()
    page.mouse.move(plot["x"] + plot["width"] * 30 / 61.2, plot["y"] + plot["height"] / 2)
    page.locator(".st-key-figure_accuracy .hoverlayer").get_by_text("epoch 30").wait_for()

    page.goto(f"{recorded_url}&present=true&view=One+step&epoch=40")
    for phase in ("3 D_val loss", "4 Influence", "6 New weights"):
        page.get_by_role("button", name=phase).click()
        page.locator(".bikd-phase[aria-current=step]", has_text=phase).wait_for()
        page.wait_for_function(SENTENCES_END_ABOVE_THE_BAR)


@pytest.mark.slow
def test_two_runs_are_presented_question_by_question(pair_url, new_page):
    page = new_page(f"{pair_url}&present=true", "Leave (P)")
    wait_for_place(page, "Overview · 1 of 6")
    page.keyboard.press("ArrowDown")
    wait_for_place(page, "Overview · 2 of 6")
    page.locator(".st-key-figure_w_hard_B").wait_for()
    assert [title[:1] for title in titles(page)] == ["A", "B"]
