"""A digits run in a real browser, from Start to a reload after it has finished."""

import re

import pytest

from app.shared.estimate import ASK_EVERY_S
from bikd_core.bench.browser import HEADLINE

POLL_MS = 500
WEIGHT_CHART = ".st-key-figure_w_hard .js-plotly-plot"


def epoch_of(page) -> int:
    words = page.locator(".bikd-timeline output").inner_text()
    return int(re.fullmatch(r"epoch (\d+) of \d+", words)[1])


def wait_for_epoch(page, epoch: int) -> None:
    page.wait_for_function(
        "epoch => Number(document.querySelector('.bikd-timeline input')?.value) >= epoch",
        arg=epoch,
    )


def wait_for_the_end(page) -> None:
    wait_for_state(page, "finished")


def wait_for_state(page, state: str) -> None:
    badge = page.locator(HEADLINE).get_by_text(state, exact=True)
    badge.wait_for()


def click(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def start(page) -> None:
    """Press Start, and confirm where a busy machine makes the run look long."""
    click(page, "Start")
    confirmation = page.get_by_role("button", name="Start it", exact=True)
    page.locator(".bikd-timeline").or_(confirmation).first.wait_for()
    if confirmation.is_visible():
        confirmation.click()
    page.mouse.move(1, 1)  # the button's tooltip would cover the views


def x_range(page, chart: str = WEIGHT_CHART) -> list[float]:
    return page.locator(chart).evaluate("plot => plot._fullLayout.xaxis.range")


def zoom(page, chart: str = WEIGHT_CHART) -> None:
    """Drag slowly across the plot, for longer than a poll."""
    page.locator(chart).scroll_into_view_if_needed()
    left, top, width, height = page.locator(chart).evaluate(
        """plot => {
            const {xaxis, yaxis} = plot._fullLayout, box = plot.getBoundingClientRect();
            const left = box.left + xaxis._offset, top = box.top + yaxis._offset;
            return [left, top, xaxis._length, yaxis._length];
        }"""
    )
    page.mouse.move(left + 0.2 * width, top + height / 2)
    page.mouse.down()
    for share in (0.4, 0.5, 0.6, 0.7):
        page.mouse.move(left + share * width, top + height / 2, steps=3)
        page.wait_for_timeout(POLL_MS / 2)
    page.mouse.up()


def frames_of(page, milliseconds: int) -> int:
    """Return the number of WebSocket frames sent and received during some time."""
    frames = []
    client = page.context.new_cdp_session(page)
    client.send("Network.enable")
    for event in ("Network.webSocketFrameSent", "Network.webSocketFrameReceived"):
        client.on(event, lambda frame: frames.append(frame))
    page.wait_for_timeout(milliseconds)
    client.detach()
    return len(frames)


def wait_for_silence(page) -> None:
    """Wait until the page stops asking for the estimate, which it does every two seconds."""
    for _ in range(20):
        if frames_of(page, round(1500 * ASK_EVERY_S)) == 0:
            return
    raise AssertionError("the page goes on sending")


@pytest.fixture
def live_page(server_url, new_page):
    """Watch a long run, and stop it in the end, so that it does not hold up other runs."""
    page = new_page(f"{server_url}/?epochs=3000")
    start(page)
    wait_for_epoch(page, 3)
    yield page
    hide(page, False)
    click(page, "Stop")
    wait_for_state(page, "stopped")


@pytest.fixture(scope="module")
def finished_url(server_url, browser):
    """Run to the end and return the link to the run."""
    page = browser.new_page()
    page.goto(f"{server_url}/?epochs=6")
    start(page)
    wait_for_the_end(page)
    page.wait_for_url("**run=*")
    url = page.url
    page.close()
    return url


@pytest.mark.slow
def test_a_run_is_started_watched_zoomed_shared_and_reloaded(server_url, new_page):
    page = new_page(f"{server_url}/?epochs=200")
    start(page)
    wait_for_epoch(page, 2)
    page.locator(f"{WEIGHT_CHART} .nsewdrag").wait_for()
    whole, node = x_range(page), page.locator(WEIGHT_CHART).element_handle()
    zoom(page)
    zoomed = x_range(page)
    assert whole[0] < zoomed[0] < zoomed[1] < whole[1]

    seen = epoch_of(page)
    wait_for_epoch(page, seen + 2)  # so at least two polls have brought new data
    page.wait_for_timeout(2 * POLL_MS)
    assert x_range(page) == zoomed
    assert node.evaluate("plot => plot.isConnected")

    second = new_page(page.url)
    wait_for_epoch(second, seen)
    wait_for_the_end(page)
    wait_for_the_end(second)
    assert epoch_of(page) == epoch_of(second) == 200
    assert x_range(page) == zoomed

    caption = page.locator(".st-key-figure_w_hard figcaption")
    sentence = caption.filter(has_text=re.compile(".")).inner_text()
    page.reload()
    wait_for_the_end(page)
    page.get_by_text(sentence, exact=True).wait_for()
    assert epoch_of(page) == 200


@pytest.mark.slow
def test_nothing_is_sent_once_a_run_has_ended(finished_url, new_page):
    page = new_page(finished_url)
    wait_for_the_end(page)
    wait_for_silence(page)
    assert frames_of(page, 6 * POLL_MS) == 0


@pytest.mark.slow
def test_nothing_is_sent_while_the_tab_is_hidden(live_page):
    assert frames_of(live_page, 6 * POLL_MS) > 0
    hide(live_page, True)
    wait_for_silence(live_page)
    assert frames_of(live_page, 6 * POLL_MS) == 0
    seen = epoch_of(live_page)
    hide(live_page, False)
    wait_for_epoch(live_page, seen + 1)


def hide(page, is_hidden: bool) -> None:
    """Tell the page that it is hidden, since Chromium without a window never hides a tab."""
    page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )


@pytest.mark.slow
def test_the_epoch_slider_goes_back_and_returns_to_the_newest(finished_url, new_page):
    page = new_page(finished_url)
    wait_for_the_end(page)
    slider = page.get_by_role("slider", name="Epoch", exact=True)
    slider.focus()
    for _ in range(3):
        slider.press("ArrowLeft")
    page.get_by_text("At epoch 3 few-shot classes get").first.wait_for()
    page.wait_for_url("**epoch=3*")
    again = new_page(page.url)
    again.get_by_text("At epoch 3 few-shot classes get").first.wait_for()
    click(page, "Go to the last epoch")
    page.get_by_text("At epoch 6 few-shot classes get").first.wait_for()


@pytest.mark.slow
def test_dragging_the_slider_stops_following_and_live_returns(live_page):
    click(live_page, "One epoch back")
    stays = epoch_of(live_page)
    live_page.wait_for_timeout(4 * POLL_MS)
    assert epoch_of(live_page) == stays
    click(live_page, "Follow live")
    wait_for_epoch(live_page, stays + 2)
    click(live_page, "Pause")
    wait_for_state(live_page, "paused")
    click(live_page, "Resume")
    wait_for_state(live_page, "training")


@pytest.mark.slow
def test_class_counts_follow_the_factor_while_it_is_dragged(server_url, new_page):
    page = new_page(server_url)
    wait_for_silence(page)
    slider = page.get_by_role("slider", name="Imbalance factor")
    counts = page.locator(".st-key-class_counts figcaption")
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.45 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.2 * box["width"], middle, steps=5)
    counts.filter(has_text=re.compile("[3-6] in the smallest")).wait_for()
    assert "imbalance_factor" not in page.url
    page.mouse.up()
    page.wait_for_url(re.compile(r"imbalance_factor=\d+"))


@pytest.mark.slow
def test_the_browsers_back_button_takes_controls_and_epoch_back(finished_url, new_page):
    page = new_page(finished_url)
    wait_for_the_end(page)
    click(page, "One epoch back")
    page.wait_for_url("**epoch=5*")
    page.get_by_text("At epoch 5 few-shot classes get").first.wait_for()
    seed = page.get_by_role("spinbutton", name="Seed", exact=True)
    seed.fill("12")
    seed.press("Enter")
    page.wait_for_url("**seed=12*")
    page.go_back()
    page.wait_for_function(
        "() => document.querySelector('.st-key-control_seed input').value === '0'"
    )
    page.get_by_text("At epoch 5 few-shot classes get").first.wait_for()
    page.go_back()
    page.get_by_text("At epoch 6 few-shot classes get").first.wait_for()
    assert "epoch=5" not in page.url


@pytest.mark.slow
def test_going_back_from_another_page_restores_the_run_as_it_was_viewed(finished_url, new_page):
    page = new_page(f"{finished_url}&epoch=4&view=Accuracy")
    page.locator(HEADLINE).wait_for()
    looked_at = page.url
    page.get_by_role("link", name="Compare").click()
    page.get_by_role("button", name=re.compile(r"Start \d+ runs")).wait_for()
    compared = page.url
    assert "epochs=6" in compared
    page.get_by_role("link", name="Teachers").click()
    page.get_by_role("button", name=re.compile("^Train ")).wait_for()
    assert "epochs=6" in page.url
    page.go_back()
    page.get_by_role("button", name=re.compile(r"Start \d+ runs")).wait_for()
    assert page.url == compared
    page.go_back()
    page.locator(HEADLINE).wait_for()
    page.wait_for_timeout(2 * POLL_MS)  # long enough for the page to write another link
    assert page.url == looked_at
    assert epoch_of(page) == 4


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_theme_and_fits_a_phone(finished_url, new_page, scheme):
    page = new_page(finished_url, viewport={"width": 390, "height": 800}, color_scheme=scheme)
    page.locator(f"{WEIGHT_CHART} .nsewdrag").wait_for()
    text = page.locator(WEIGHT_CHART).evaluate("plot => plot._fullLayout.font.color")
    assert (text.lower() == "#1b2430") == (scheme == "light")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
