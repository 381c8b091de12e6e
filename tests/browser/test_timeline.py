"""The epoch slider plays a recorded run, by button and by keyboard."""

import re

import pytest

from tests.browser.test_lab import (
    click,
    epoch_of,
    start,
    wait_for_epoch,
    wait_for_state,
    wait_for_the_end,
)

BIKD = "BiKD lifts the tail"
PLAY, PAUSE = "Play the epochs", "Pause playing"
LAST = 60
STILL_MS = 1500  # if it were playing, at least an epoch would pass


@pytest.fixture
def recorded_page(recorded_url, new_page):
    page = new_page(recorded_url)
    wait_for_sentence(page, LAST)
    blur(page)
    return page


def blur(page) -> None:
    """Move the focus from the clicked button to the page."""
    page.evaluate("document.activeElement.blur()")


def wait_for_later_sentence(page, epoch: int) -> None:
    """Wait until the figure tells of this epoch or a later one: a busy page skips some."""
    page.wait_for_function(
        """epoch => {
            const said = document.querySelector(".st-key-figure_w_hard figcaption").textContent;
            return Number(said.match(/At epoch (\\d+)/)?.[1]) >= epoch;
        }""",
        arg=epoch,
    )


def wait_for_sentence(page, epoch: int) -> None:
    caption = page.locator(".st-key-figure_w_hard figcaption")
    caption.filter(has_text=f"At epoch {epoch} few-shot classes get").wait_for()


def is_playing(page) -> bool:
    return page.get_by_role("button", name=PAUSE, exact=True).count() == 1


def wait_for_rest(page) -> int:
    """Wait until playing has stopped, and return the epoch that slider and figures show."""
    page.get_by_role("button", name=PLAY, exact=True).wait_for()
    epoch = epoch_of(page)
    wait_for_sentence(page, epoch)
    page.wait_for_timeout(STILL_MS)
    assert epoch_of(page) == epoch
    return epoch


@pytest.mark.slow
def test_playing_updates_the_figures_until_space_pauses_it(recorded_page):
    page = recorded_page
    click(page, PLAY)  # the slider is at the last epoch, so it plays from the first
    wait_for_later_sentence(page, 3)
    assert epoch_of(page) < LAST
    assert "epoch=" not in page.url  # as long as it plays
    blur(page)
    page.keyboard.press("Space")
    rests = wait_for_rest(page)
    page.wait_for_url(f"**epoch={rests}*")
    page.keyboard.press("Space")
    wait_for_later_sentence(page, rests + 2)
    click(page, "One epoch back")
    assert not is_playing(page)
    wait_for_rest(page)


@pytest.mark.slow
def test_playing_ends_at_the_last_epoch(recorded_page):
    page = recorded_page
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    wait_for_sentence(page, LAST - 3)
    page.wait_for_url(f"**epoch={LAST - 3}*")
    speed = page.get_by_role("button", name="Playing speed")
    shown = []
    for _ in range(5):
        shown.append(speed.inner_text())
        speed.click()
    assert shown == ["1×", "2×", "4×", "8×", "1×"]
    click(page, PLAY)
    wait_for_sentence(page, LAST)
    assert wait_for_rest(page) == LAST
    page.wait_for_url(re.compile("^((?!epoch=).)*$"))


@pytest.mark.slow
def test_keys_step_through_the_epochs_from_anywhere_on_the_page(recorded_page):
    page = recorded_page
    for key, epoch in {
        "ArrowLeft": LAST - 1,
        "Home": 1,
        "ArrowRight": 2,
        "End": LAST,
    }.items():
        page.keyboard.press(key)
        wait_for_sentence(page, epoch)
    page.keyboard.press("Home")
    page.wait_for_url("**epoch=1*")
    page.keyboard.press("ArrowLeft")
    assert wait_for_rest(page) == 1


@pytest.mark.slow
def test_keys_go_to_the_element_with_the_focus(server_url, new_page):
    page = new_page(f"{server_url}/?epochs=6")  # only one's own run can be renamed
    start(page)
    wait_for_the_end(page)
    blur(page)
    last = epoch_of(page)
    seed = page.get_by_role("spinbutton", name="Seed", exact=True)
    factor = page.get_by_role("slider", name="Imbalance factor")
    view = page.get_by_role("radio", name="Overview")
    for widget in (seed, factor, view):
        widget.focus()
        for key in ("Space", "ArrowLeft", "ArrowRight"):
            page.keyboard.press(key)
    page.get_by_role("button", name="One epoch back").focus()
    page.keyboard.press("Space")  # clicks it
    page.wait_for_timeout(STILL_MS)
    assert not is_playing(page)
    assert epoch_of(page) == last - 1

    page.get_by_role("button", name="This run").click()
    name = page.get_by_role("textbox", name="Name")
    name.fill("my")
    name.press("End")
    name.press("Space")
    name.press_sequentially("run")
    assert name.input_value() == "my run"
    blur(page)  # the popover is still open
    page.keyboard.press("Space")
    page.keyboard.press("Home")
    assert wait_for_rest(page) == last - 1
    page.keyboard.press("Escape")
    name.wait_for(state="hidden")
    click(page, "Earlier runs")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Home")
    assert wait_for_rest(page) == last - 1


@pytest.mark.slow
def test_a_live_run_is_played_to_its_end_and_then_followed(server_url, new_page):
    page = new_page(f"{server_url}/?epochs=3000")
    start(page)
    wait_for_epoch(page, 4)
    click(page, "Pause")
    wait_for_state(page, "paused")
    click(page, PLAY)
    page.get_by_role("button", name="Follow live", pressed=False).wait_for()
    page.get_by_role("button", name="Follow live", pressed=True).wait_for()
    stood = epoch_of(page)
    click(page, "Resume")
    wait_for_epoch(page, stood + 2)
    click(page, "Stop")
    wait_for_state(page, "stopped")
