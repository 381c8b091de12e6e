"""Views of a recorded run: they are drawn, keep their zoom, and come back from the link."""

import re

import pytest

from tests.browser.test_lab import click, wait_for_epoch, x_range, zoom
from tests.browser.test_timeline import LAST

VIEWS = {
    "Surface": ("surface_hard", "surface_soft"),
    "Outer loop": (
        *("outer_losses", "hypergradient_norm"),
        *("hypergradient_cosine", "saturated_share"),
    ),
    "Weights": ("over_time",),
    "Accuracy": ("confusion",),
}
ZOOM_DELAY_MS = 600  # Plotly first waits for a second click


def chart(figure: str) -> str:
    return f".st-key-figure_{figure} .js-plotly-plot"


def sentences(page, figures: tuple[str, ...]) -> list[str]:
    captions = [page.locator(f".st-key-figure_{figure} figcaption") for figure in figures]
    return [caption.filter(has_text=re.compile(".")).inner_text() for caption in captions]


def wait_for_figures(page, figures: tuple[str, ...]) -> None:
    for figure in figures:
        page.locator(f"{chart(figure)} .nsewdrag").first.wait_for()


def numbers_of(page, figure: str) -> int:
    """Return how many numbers the figure draws: heights of points, or cells of a map."""
    return page.locator(chart(figure)).evaluate(
        """plot => plot._fullData
            .flatMap(({z, y}) => Array.from(z ?? y).flatMap(row => row?.length ? [...row] : [row]))
            .filter(value => Number.isFinite(value)).length"""
    )


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_drawn_keeps_its_zoom_and_comes_back_from_the_link(recorded_url, new_page, view):
    figures = VIEWS[view]
    page = new_page(recorded_url)
    wait_for_epoch(page, LAST)
    page.get_by_role("radio", name=view, exact=True).click()
    wait_for_figures(page, figures)
    at_the_end = sentences(page, figures)
    for figure, sentence in zip(figures, at_the_end, strict=True):
        assert numbers_of(page, figure) > 20, figure
        assert len(sentence) > 20, figure

    whole = {figure: x_range(page, chart(figure)) for figure in figures}
    for figure in figures:
        zoom(page, chart(figure))
    page.wait_for_timeout(ZOOM_DELAY_MS)
    zoomed = {figure: x_range(page, chart(figure)) for figure in figures}
    for figure in figures:
        assert whole[figure][0] < zoomed[figure][0] < zoomed[figure][1] < whole[figure][1], figure
    click(page, "One epoch back")
    for figure, sentence in zip(figures, at_the_end, strict=True):
        caption = page.locator(f".st-key-figure_{figure} figcaption")
        caption.filter(has_not_text=sentence).wait_for()
    page.wait_for_timeout(ZOOM_DELAY_MS)
    assert {figure: x_range(page, chart(figure)) for figure in figures} == zoomed

    page.wait_for_url(f"**epoch={LAST - 1}*")
    one_back = sentences(page, figures)
    page.reload()
    wait_for_figures(page, figures)
    assert page.get_by_role("radio", name=view, exact=True).get_attribute("aria-checked") == "true"
    assert sentences(page, figures) == one_back
