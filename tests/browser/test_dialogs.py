"""Dialogs stay until they are closed, and then stay closed, while the page goes on."""

import pytest

from tests.browser.test_lab import click, start, wait_for_state


def closes(page) -> None:
    """Close the dialog by the keyboard; it does not come back with the next polls."""
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    page.wait_for_timeout(2_500)
    assert not page.get_by_role("dialog").is_visible()


@pytest.mark.slow
def test_a_dialog_outlasts_the_end_of_the_run_and_closes_for_good(server_url, new_page):
    page = new_page(f"{server_url}/?epochs=3000")
    start(page)
    wait_for_state(page, "training")
    click(page, "Start")
    page.get_by_role("dialog").get_by_text("The same run exists").wait_for()
    closes(page)

    # Another tab of this browser stops the run: the first one's whole page is drawn anew.
    click(page, "Earlier runs")
    page.get_by_role("dialog").get_by_role("button", name="Open").first.wait_for()
    other = page.context.new_page()
    other.goto(page.url)
    click(other, "Stop")
    page.bring_to_front()
    wait_for_state(page, "stopped")
    page.wait_for_timeout(1_000)
    assert page.get_by_role("dialog").is_visible()
    closes(page)

    click(page, "Earlier runs")
    page.get_by_role("dialog").get_by_role("button", name="Open").first.click()
    page.get_by_role("dialog").wait_for(state="hidden")
