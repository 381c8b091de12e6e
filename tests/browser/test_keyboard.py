"""Without a mouse: one Tab stop a chart, arrows through its points, Enter selects."""

import re

import pytest

from tests.browser.test_lab import epoch_of, wait_for_epoch
from tests.browser.test_timeline import LAST

TABS = 31  # Start has to come among so many
STRIP = ".st-key-strip .bikd-picture:not(.bikd-blank)"


@pytest.fixture
def recorded_page(recorded_url, new_page):
    page = new_page(recorded_url)
    wait_for_epoch(page, LAST)
    page.locator(".st-key-figure_w_hard .nsewdrag").wait_for()
    return page


def go_to(page, figure: str) -> None:
    """Give a chart the focus, and wait until its first point is told."""
    page.locator(f".st-key-figure_{figure} .nsewdrag").wait_for()
    page.locator(f".st-key-figure_{figure} .bikd-plot").focus()
    told(page, figure, ".")


def told(page, figure: str, words: str) -> str:
    """Wait for words in the live text of a chart, which screen readers speak, and return it."""
    live = page.locator(f".st-key-figure_{figure} [aria-live=polite]")
    live.filter(has_text=re.compile(words)).wait_for(state="attached")
    return live.text_content()


def stops(page) -> list[str]:
    """Press Tab through the page, and return what has the focus each time: its role and name."""
    names = []
    while True:
        page.keyboard.press("Tab")
        name = page.evaluate(
            """() => {
                const element = document.activeElement;
                if (element === document.body) return null; // behind the last one
                const name = element.getAttribute("aria-label") || element.textContent.trim();
                return `${element.getAttribute("role") ?? element.tagName} ${name}`;
            }"""
        )
        if name is None:
            return names
        names.append(name)


@pytest.mark.slow
def test_start_comes_early_and_each_chart_is_one_stop(recorded_page):
    page = recorded_page
    page.reload()
    page.get_by_role("button", name="Report a problem").wait_for()  # the side bar's last
    for chart in ("class_counts", "figure_class_accuracy"):
        page.locator(f".st-key-{chart} .bikd-plot[role=application]").wait_for()
    seen = stops(page)
    assert any("Start the next run" in name for name in seen[:TABS])
    assert page.get_by_role("button", name="Start the next run").is_enabled()
    charts = [name for name in seen if name.startswith("application")]
    titles = page.locator("[data-testid=stMain] .bikd-title").all_inner_texts()
    counts = "Bar chart of the training images of 10 classes"
    assert charts == [f"application {name}" for name in (counts, *titles)]
    assert not [name for name in seen if "Download" in name]


@pytest.mark.slow
def test_start_by_keyboard_is_seen_while_it_has_the_focus(recorded_page):
    start = recorded_page.get_by_role("button", name="Start the next run")
    start.focus()
    box = start.bounding_box()
    assert box["width"] > 100
    assert box["height"] > 20
    shown = recorded_page.evaluate(
        "([x, y]) => document.elementFromPoint(x, y).closest('button')?.textContent",
        [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2],
    )
    assert "Start the next run" in shown


@pytest.mark.slow
def test_arrows_go_through_classes_and_points_and_say_class_value_and_unit(recorded_page):
    page = recorded_page
    go_to(page, "class_accuracy")
    told(page, "class_accuracy", r"^class 0, 106 training images, student \d+(\.\d)? %$")
    page.keyboard.press("ArrowDown")
    told(page, "class_accuracy", r"^class 1, 68 training images")
    page.keyboard.press("ArrowRight")
    told(page, "class_accuracy", r"^class 1 \(68\), teacher \d+(\.\d)? %$")
    go_to(page, "accuracy")
    page.keyboard.press("End")
    told(page, "accuracy", rf"epoch {LAST}, \d+(\.\d)?, test accuracy \(%\)$")
    page.keyboard.press("ArrowLeft")
    told(page, "accuracy", rf"epoch {LAST - 1}, ")
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    told(page, "accuracy", rf"^few, epoch {LAST - 1}, ")
    assert epoch_of(page) == LAST  # the slider, which hears the same keys, has not moved


@pytest.mark.slow
def test_enter_selects_what_a_click_selects(recorded_page):
    page = recorded_page
    go_to(page, "class_accuracy")
    page.keyboard.press("End")
    told(page, "class_accuracy", "^class 9, 2 training images")
    page.keyboard.press("Enter")
    page.locator(STRIP).first.wait_for()
    assert set(page.locator(".st-key-strip .bikd-name").all_inner_texts()) - {""} == {"9"}
    assert page.locator(".st-key-figure_class_accuracy .bikd-plot:focus").count() == 1


@pytest.mark.slow
def test_a_map_is_walked_cell_by_cell_and_escape_leaves_it(recorded_page):
    page = recorded_page
    page.get_by_role("radio", name="Accuracy", exact=True).click()
    go_to(page, "confusion")
    told(page, "confusion", "^true 0, taken for 0, ")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    told(page, "confusion", r"^true 1, taken for 1, \d+ test images, [\d.]+ % of the row$")
    page.keyboard.press("Escape")
    assert page.locator(".bikd-plot:focus").count() == 0
    assert page.locator(".st-key-figure_confusion .bikd-ring").is_hidden()


@pytest.mark.slow
def test_the_toolbar_opens_by_a_key_and_is_no_tab_stop(recorded_page):
    page = recorded_page
    go_to(page, "accuracy")
    page.keyboard.press("t")
    names = []
    for _ in range(8):
        names.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
        page.keyboard.press("ArrowRight")
    assert names[-3:] == ["Download as SVG", "Download data as CSV", "Download data as Parquet"]
    page.keyboard.press("Escape")
    assert page.locator(".st-key-figure_accuracy .bikd-plot:focus").count() == 1


@pytest.mark.slow
def test_the_point_keeps_its_place_while_the_epoch_changes(recorded_page):
    page = recorded_page
    go_to(page, "class_accuracy")
    page.keyboard.press("ArrowDown")
    before = told(page, "class_accuracy", "^class 1, 68 training images")
    page.get_by_role("button", name="One epoch back").evaluate("button => button.click()")
    caption = page.locator(".st-key-figure_class_accuracy figcaption")
    caption.filter(has_text=f"At epoch {LAST - 1}").wait_for()
    assert told(page, "class_accuracy", ".") == before  # nothing is told that nobody asked for
    page.keyboard.press("ArrowDown")
    told(page, "class_accuracy", "^class 2, 44 training images")
