"""Times clicks on the page, by the browser's clock, while a CIFAR-size network trains."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bikd_core.bench.browser import HEADLINE, chromium, served_app
from bikd_core.bench.report import Row

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: A CE run needs no teacher, and the load on the cores is the same.
LOAD = "dataset=cifar10&method=ce&student=resnet8x4&head_count=1000&epochs=1000"
# The views that are clicked in turn, and a text that only that view shows.
VIEWS = (
    ("Outer loop", "Does D_val still speak for the test data?"),
    ("Accuracy", "How good is the student on balanced test data?"),
)
CONTROLS = (
    "step",
    "exponential",
)  # each shows another count of training images
COUNTS = "[data-testid=stSidebar] figcaption"

# Uses the page's own clock, from the click until a frame with the text is painted. So it leaves
# out the time that the driver takes to find and press the button.
_WATCH = """
text => {
  window.bikdAnswer = new Promise(resolve => {
    document.addEventListener("click", event => {
      const pressed = event.timeStamp;
      const look = () => {
        const texts = [...document.querySelectorAll("h3, figcaption")];
        if (!texts.some(element => element.textContent.includes(text))) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - pressed)));
      };
      const observer = new MutationObserver(look);
      observer.observe(document.body, {childList: true, subtree: true, characterData: true});
    }, {capture: true, once: true});
  });
}
"""


def measure(num_clicks: int, data_dir: Path) -> list[Row]:
    """Return milliseconds from a click to its answer, idle and while a run trains.

    Args:
        num_clicks: Clicks behind each row.
        data_dir: Folder that holds CIFAR-10 (`cifar-10-batches-py`).
    """
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with served_app(home, home / "server.log", data_dir) as url:
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.goto(f"{url}/lab?method=ce&epochs=5")
            page.get_by_role("button", name="Start", exact=True).click()
            page.locator(HEADLINE).get_by_text("finished", exact=True).wait_for(timeout=120_000)
            watched = page.url
            rows = _rows(page, "no run trains", num_clicks)
            page.goto(f"{url}/lab?{LOAD}")
            page.get_by_role("button", name="Start", exact=True).click()
            page.locator(".bikd-timeline input").wait_for(timeout=120_000)
            page.wait_for_timeout(10_000)  # until the data is read and the first steps are done
            rows += _rows(page, "a ResNet-8x4 trains, watched", num_clicks)
            page.goto(watched)
            page.locator(HEADLINE).get_by_text("finished", exact=True).wait_for()
            rows += _rows(page, "a ResNet-8x4 trains, another run watched", num_clicks)
    return rows


def _rows(page: Page, situation: str, num_clicks: int) -> list[Row]:
    counts = []
    for label in CONTROLS:
        page.get_by_text(label, exact=True).first.click()
        page.wait_for_timeout(2_000)
        counts.append((label, page.locator(COUNTS).inner_text()))
    return [
        _row("view", situation, _clicks(page, VIEWS, num_clicks)),
        _row("control", situation, _clicks(page, counts, num_clicks)),
    ]


def _clicks(page: Page, answers: Sequence[tuple[str, str]], num_clicks: int) -> list[float]:
    """Return the milliseconds of each click until its answer is painted."""
    milliseconds = []
    for number in range(num_clicks + 2):
        label, answer = answers[number % 2]
        page.evaluate(_WATCH, answer)
        page.get_by_text(label, exact=True).first.click()
        milliseconds.append(page.evaluate("() => window.bikdAnswer"))
        page.wait_for_timeout(300)
    return milliseconds[2:]


def _row(click_on: str, situation: str, milliseconds: list[float]) -> Row:
    ordered = sorted(milliseconds)
    return {
        "click_on": click_on,
        "situation": situation,
        "median_ms": statistics.median(ordered),
        "p95_ms": ordered[round(0.95 * (len(ordered) - 1))],
        "clicks": len(ordered),
    }
