"""A tiny comparison in a real browser: trained, drawn, shared by link, downloaded."""

import csv
import io
import re

import pytest

FIGURES = ("who_wins", "differences", "class_differences", "cost")
DONE = re.compile("Nothing is missing")


def sentence(page, figure: str) -> str:
    page.locator(f".st-key-figure_{figure} .nsewdrag").first.wait_for()
    caption = page.locator(f".st-key-figure_{figure} figcaption").filter(has_text=re.compile("."))
    return caption.inner_text()


def downloaded(page, name: str) -> str:
    with page.expect_download() as started:
        page.locator(".st-key-downloads").get_by_role("button", name=name).click()
    return started.value.path().read_text(encoding="utf-8")


def dot_of_seed(page, number: int) -> tuple[float, float]:
    """Return the position of a seed's dot on the screen."""
    plot = page.locator(".st-key-figure_who_wins .js-plotly-plot")
    plot.scroll_into_view_if_needed()
    return plot.evaluate(
        """(graph, number) => {
            const {xaxis, yaxis} = graph._fullLayout;
            const seeds = graph._fullData.find(trace => trace.uid === "seeds");
            const {left, top} = graph.getBoundingClientRect();
            return [left + xaxis._offset + xaxis.l2p(seeds.x[number]),
                    top + yaxis._offset + yaxis.l2p(seeds.y[number])];
        }""",
        number,
    )


@pytest.mark.slow
def test_results_appear_and_another_browser_sees_the_same_by_link(compared, new_page):
    page = new_page(compared, DONE)
    read = {figure: sentence(page, figure) for figure in FIGURES}
    assert re.search(r"(CE|KD), \d+\.\d ± \d+\.\d % balanced \(2 seeds\)", read["who_wins"])
    assert "CE" in read["differences"]
    assert "Timed in 5 turns on this machine" in read["cost"]
    page.get_by_text("3 epochs").wait_for()  # in the protocol
    second = new_page(compared, DONE)
    assert {figure: sentence(second, figure) for figure in FIGURES} == read


@pytest.mark.slow
def test_downloaded_files_hold_the_shown_numbers_and_the_protocol(compared, new_page):
    page = new_page(compared, DONE)
    best = re.search(r"mean: (\w+), (\d+\.\d) ±", sentence(page, "who_wins"))
    markdown = downloaded(page, "Markdown")
    assert re.search(rf"\| {best[1]} \| 2 \| {best[2]} ±", markdown)
    assert "3 epochs" in markdown
    rows = {row["label"]: row for row in csv.DictReader(io.StringIO(downloaded(page, "CSV")))}
    assert f"{100 * float(rows[best[1]]['accuracy_mean']):.1f}" == best[2]
    assert best[2] in downloaded(page, "LaTeX")


@pytest.mark.slow
def test_a_click_on_a_seed_opens_its_run_in_the_lab(compared, new_page):
    page = new_page(compared, DONE)
    sentence(page, "who_wins")
    page.mouse.click(*dot_of_seed(page, 0))
    page.wait_for_url("**run=*")
    page.get_by_text("3 epochs in").wait_for()
    assert "/compare" not in page.url


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_without_scrolling_sideways(compared, new_page, scheme):
    page = new_page(compared, DONE, viewport={"width": 390, "height": 800}, color_scheme=scheme)
    for figure in FIGURES:
        sentence(page, figure)
        outside = page.locator(f".st-key-figure_{figure}").evaluate(
            """figure => [...figure.querySelectorAll("text")].filter(text => {
                const {left, right} = text.getBoundingClientRect();
                return left < 0 || right > window.innerWidth;
            }).map(text => text.textContent)"""
        )
        assert outside == [], figure
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
