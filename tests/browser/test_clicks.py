"""A click on a figure of a recorded run shows the pictures behind it."""

import pytest

from bikd_core.bench.browser import HEADLINE


@pytest.fixture
def accuracy_page(recorded_url, new_page):
    """Open the Accuracy view of the recorded BiKD run."""
    page = new_page(f"{recorded_url}&view=Accuracy")
    page.locator(HEADLINE).get_by_text("finished", exact=True).wait_for()
    page.locator(".st-key-figure_confusion .nsewdrag").wait_for()
    return page


def click_at(page, figure: str, place: str) -> None:
    """Move the pointer to a place in a figure's plot and click."""
    plot = page.locator(f".st-key-figure_{figure} .js-plotly-plot")
    plot.scroll_into_view_if_needed()
    x, y = plot.evaluate(
        f"""plot => {{
            const {{l, t}} = plot._fullLayout._size, box = plot.getBoundingClientRect();
            const {{xaxis, yaxis}} = plot._fullLayout;
            const [x, y] = ({place})(plot);
            return [box.left + l + xaxis.d2p(x), box.top + t + yaxis.d2p(y)];
        }}"""
    )
    page.mouse.move(x - 3, y - 3)
    page.mouse.move(x, y)
    page.wait_for_timeout(300)
    page.mouse.click(x, y)


@pytest.mark.slow
def test_a_cell_of_the_confusion_shows_the_training_pictures_predicted_like_it(accuracy_page):
    page = accuracy_page
    click_at(page, "confusion", '() => ["0", "0"]')
    page.get_by_text("digit 0, in training taken for digit 0 by the student").first.wait_for()
    pictures = page.locator(".st-key-strip .bikd-picture:not(.bikd-blank)")
    pictures.first.wait_for()
    names = set(page.locator(".st-key-strip .bikd-name").all_inner_texts())
    assert names - {""} == {"0"}


@pytest.mark.slow
def test_a_line_shows_the_pictures_of_its_third_of_the_classes(accuracy_page):
    page = accuracy_page
    middle = 'plot => [40, plot.data.find(trace => trace.uid === "few").y[39]]'
    click_at(page, "accuracy", middle)
    page.get_by_text("few-shot classes").first.wait_for()
    page.locator(".st-key-strip .bikd-picture:not(.bikd-blank)").first.wait_for()
    names = set(page.locator(".st-key-strip .bikd-name").all_inner_texts())
    assert names - {""} <= {"7", "8", "9"}
