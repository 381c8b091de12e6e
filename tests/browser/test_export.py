"""The SVG file of a figure, from its mode bar: complete, with its texts, readable on its own."""

from xml.etree import ElementTree

import pytest

from tests.browser.test_lab import wait_for_epoch
from tests.browser.test_timeline import BIKD, LAST

SVG = "{http://www.w3.org/2000/svg}"
VIEWS = {
    "Overview": ("accuracy", "class_accuracy"),
    "Weights": ("over_time",),
    "Surface": ("surface_hard",),
    "Accuracy": ("confusion",),
    "Outer loop": ("hypergradient_norm",),
}


def download(page, figure: str, path) -> None:
    """Download through the mode bar, which shows while the pointer is on the figure."""
    plot = page.locator(f".st-key-figure_{figure} .js-plotly-plot")
    plot.locator(".nsewdrag").first.wait_for()
    plot.hover()
    with page.expect_download() as started:
        plot.locator("[data-title='Download as SVG']").click()
    assert started.value.suggested_filename == f"figure-{figure.replace('_', '-')}.svg"
    started.value.save_as(path)


def axis_titles(page, figure: str) -> list[str]:
    return page.locator(f".st-key-figure_{figure} .js-plotly-plot").evaluate(
        """({layout}) => Object.keys(layout)
            .filter(name => /^[xy]axis\\d*$/.test(name))
            .map(name => layout[name].title?.text).filter(text => text)"""
    )


def clipped_words(page) -> list[str]:
    """Return the texts of the open SVG file that reach beyond its edges."""
    return page.evaluate(
        """() => {
            const {width, height} = document.documentElement.getBoundingClientRect();
            return [...document.querySelectorAll("text")].filter(text => {
                const {left, top, right, bottom} = text.getBoundingClientRect();
                return left < 0 || top < 0 || right > width || bottom > height;
            }).map(text => text.textContent).filter(words => words);
        }"""
    )


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_figures_are_downloaded_as_svg_with_title_and_axes(server_url, new_page, tmp_path, width):
    page = new_page(server_url, color_scheme="dark", viewport={"width": width, "height": 800})
    page.get_by_role("button", name=BIKD).first.click()
    page.wait_for_url("**run=*")
    wait_for_epoch(page, LAST)
    run = page.url
    for view, figures in VIEWS.items():
        page.goto(f"{run}&view={view}")
        for figure in figures:
            path = tmp_path / f"{figure}.svg"
            download(page, figure, path)
            root = ElementTree.parse(path).getroot()
            assert root.tag == f"{SVG}svg"
            words = {"".join(text.itertext()) for text in root.iter(f"{SVG}text")}
            title = page.locator(f".st-key-figure_{figure} h3").inner_text()
            expected = {title, *axis_titles(page, figure)}
            assert len(expected) >= 3, figure
            assert expected <= words, figure
            alone = page.context.new_page()
            alone.goto(path.as_uri())
            assert clipped_words(alone) == [], figure
            alone.close()


@pytest.mark.slow
def test_no_figure_offers_to_send_its_data_elsewhere(server_url, new_page):
    page = new_page(server_url)
    page.get_by_role("button", name=BIKD).first.click()
    wait_for_epoch(page, LAST)
    page.locator(".js-plotly-plot .nsewdrag").first.wait_for()
    bars = page.locator(".js-plotly-plot").evaluate_all(
        """plots => plots.filter(plot => plot.querySelector(".modebar"))
            .map(plot => [...plot.querySelectorAll("[data-title]")].map(b => b.dataset.title))"""
    )
    assert bars
    known = {
        "Download as SVG",
        "Download data as CSV",
        "Download data as Parquet",
        "Zoom",
        "Pan",
        "Zoom in",
        "Zoom out",
        "Reset axes",
    }
    assert {title for bar in bars for title in bar} == known
