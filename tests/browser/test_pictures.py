"""The view of single pictures in a real browser: gallery, history, clicks on a ridge."""

import re

import pytest

from bikd_core.bench.browser import HEADLINE
from tests.browser.test_lab import click, start

RIDGES = ".st-key-figure_w_hard .js-plotly-plot"
FIGURES_OF_A_PICTURE = {
    "weights": "How much weight does this picture get?",
    "losses": "Do student and teacher know it?",
    "influence": "Does the validation set want more of it?",
}
PICTURES = ".st-key-gallery .bikd-picture:not(.bikd-blank)"


def open_pictures(page) -> None:
    page.get_by_text("Pictures", exact=True).click()
    page.locator(f"{PICTURES} img").first.wait_for()


def pause(page) -> None:
    click(page, "Pause")
    page.locator(HEADLINE).get_by_text("paused", exact=True).wait_for()
    page.wait_for_timeout(1500)  # the newest epoch is drawn


def click_on_the_ridge_of(page, label: int) -> None:
    """Move the pointer to the peak of the ridge and click."""
    page.locator(f"{RIDGES} .nsewdrag").first.wait_for()
    x, y = page.locator(RIDGES).evaluate(
        """(plot, uid) => {
            const {l, t} = plot._fullLayout._size, box = plot.getBoundingClientRect();
            const {xaxis, yaxis} = plot._fullLayout;
            const {x0, dx, y} = plot.data.find(trace => trace.uid === uid);
            const peak = y.indexOf(Math.max(...y));
            return [box.left + l + xaxis.l2p(x0 + peak * dx), box.top + t + yaxis.l2p(y[peak])];
        }""",
        f"ridge-{label}",
    )
    page.mouse.move(x - 2, y + 4)
    page.mouse.move(x, y + 3)
    page.wait_for_timeout(200)
    page.mouse.click(x, y + 3)


def names(page) -> set[str]:
    return set(page.locator(f"{PICTURES} .bikd-name").all_inner_texts())


def wait_for_names(page, expected: set[str]) -> None:
    page.wait_for_function(
        """([selector, expected]) => {
            const found = [...document.querySelectorAll(selector)].map(name => name.textContent);
            return found.length > 0 && found.every(name => expected.includes(name));
        }""",
        arg=[f"{PICTURES} .bikd-name", sorted(expected)],
    )


def wait_for_later_epoch(page, than: int) -> int:
    page.wait_for_function(
        "epoch => Number(document.querySelector('.bikd-timeline input')?.value) > epoch",
        arg=than,
    )
    return int(page.locator(".bikd-timeline input").input_value())


@pytest.mark.slow
def test_pictures_are_chosen_filtered_and_kept_while_the_run_trains(server_url, new_page):
    page = new_page(f"{server_url}/?epochs=3000")
    start(page)
    epoch = wait_for_later_epoch(page, 1)
    open_pictures(page)
    pause(page)  # what is clicked must not move: an epoch takes only 50 ms
    assert page.locator(PICTURES).count() == 24
    assert re.fullmatch(
        r"digit \d, w_hard 0\.\d\d(, taken for digit \d)? \((many|medium|few)\)",
        page.locator(PICTURES).first.get_attribute("title"),
    )

    click_on_the_ridge_of(page, 1)
    page.get_by_text(re.compile(r"^digit 1, w_hard 0\.\d+ to 0\.\d+$")).wait_for()
    click(page, "Resume")
    epoch = wait_for_later_epoch(page, epoch + 2)
    assert names(page) <= {"1"}
    click(page, "Clear selection")
    page.wait_for_function(
        "selector => document.querySelectorAll(selector).length === 24", arg=PICTURES
    )

    pause(page)
    picture = page.locator(PICTURES).nth(3)
    picture.focus()
    chosen = picture.get_attribute("data-id")
    page.keyboard.press("Enter")
    page.locator(".bikd-portrait").wait_for()
    click(page, "Resume")
    page.wait_for_url(f"**picture={chosen}*")
    for figure, question in FIGURES_OF_A_PICTURE.items():
        page.get_by_role("radio", name=figure, exact=True).click()
        page.get_by_text(question).wait_for()
    wait_for_later_epoch(page, epoch + 2)
    assert page.locator(".bikd-portrait").is_visible()
    assert page.locator(f".bikd-portrait p:has-text('No. {chosen} of')").count() == 1
    click(page, "Stop")
    page.locator(HEADLINE).get_by_text("stopped", exact=True).wait_for()

    again = new_page(page.url)  # the link opens the same picture
    again.locator(f".bikd-portrait p:has-text('No. {chosen} of')").wait_for()
    click(again, "Close picture")  # after the end
    again.wait_for_timeout(1500)  # until the ridges are back in place
    click_on_the_ridge_of(again, 9)
    wait_for_names(again, {"9"})
    again.wait_for_timeout(1500)
    assert names(again) == {"9"}


@pytest.mark.slow
def test_a_click_on_a_ridge_shows_its_pictures_which_open_the_view(server_url, new_page):
    page = new_page(f"{server_url}/?epochs=3")
    start(page)
    page.locator(HEADLINE).get_by_text("finished", exact=True).wait_for()
    page.get_by_text("At epoch 3 few-shot classes get").first.wait_for()
    page.wait_for_timeout(1500)  # the page is drawn once more when the run ends
    click_on_the_ridge_of(page, 9)
    strip = page.locator(".st-key-strip .bikd-picture:not(.bikd-blank)")
    strip.first.wait_for()
    assert set(strip.locator(".bikd-name").all_inner_texts()) == {"9"}
    strip.first.click()
    page.locator(".bikd-portrait").wait_for()
    page.wait_for_url("**view=Pictures*")
    wait_for_names(page, {"9"})


@pytest.mark.slow
def test_a_click_on_the_weights_over_time_shows_the_pictures_of_that_epoch(server_url, new_page):
    page = new_page(f"{server_url}/?epochs=3&view=Weights")
    start(page)
    page.locator(HEADLINE).get_by_text("finished", exact=True).wait_for()
    plot = page.locator(".st-key-figure_over_time .js-plotly-plot")
    plot.locator(".nsewdrag").first.wait_for()
    plot.scroll_into_view_if_needed()
    page.wait_for_timeout(1500)  # until the figures above have settled
    x, y = plot.evaluate(
        """plot => {
            const box = plot.getBoundingClientRect(), {xaxis, yaxis} = plot._fullLayout;
            const column = Array.from(plot._fullData[0].z, row => row[1]);  // of epoch 2
            const bin = column.indexOf(Math.max(...column));
            const weight = (bin + 0.5) / column.length;
            return [box.left + xaxis._offset + xaxis.l2p(2),
                    box.top + yaxis._offset + yaxis.l2p(weight)];
        }"""
    )
    page.mouse.move(x - 2, y)
    page.mouse.move(x, y)
    page.wait_for_timeout(200)
    page.mouse.click(x, y)
    words = re.compile(r"few-shot classes, w_hard 0\.\d+ to 0\.\d+ at epoch 2$")
    page.get_by_text(words).first.wait_for()
    strip = page.locator(".st-key-strip .bikd-picture:not(.bikd-blank)")
    strip.first.wait_for()
    assert set(strip.locator(".bikd-name").all_inner_texts()) <= {"7", "8", "9"}
