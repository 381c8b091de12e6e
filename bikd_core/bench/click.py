"""Does the page answer while a CIFAR-size network trains? Clicks on views, timed in a browser."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bikd_core.bench.browser import HEADLINE, chromium, served_app
from bikd_core.bench.report import Row

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: A CE run, so that no teacher has to be trained first; the load on the cores is the same.
LOAD = "dataset=cifar10&method=ce&student=resnet8x4&head_count=1000&epochs=1000"
VIEWS = (
    ("Outer loop", "Does D_val still speak for the test data?"),
    ("Accuracy", "How good is the student on balanced test data?"),
)

# The page's own clock: from the click until a frame with the heading has been painted. What the
# driver takes to find and press the button is not the page's.
_WATCH = """
title => {
  window.bikdAnswer = new Promise(resolve => {
    document.addEventListener("click", event => {
      const pressed = event.timeStamp;
      const look = () => {
        const headings = [...document.querySelectorAll("h3")];
        if (!headings.some(heading => heading.textContent.includes(title))) return;
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
    """Milliseconds from a click on the other view to its chart, idle and while a run trains.

    Args:
        num_clicks: Of each row.
        data_dir: Holds CIFAR-10 (`cifar-10-batches-py`).
    """
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with served_app(home, home / "server.log", data_dir) as url:
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.goto(f"{url}/?method=ce&epochs=5")
            page.get_by_role("button", name="Start", exact=True).click()
            page.locator(HEADLINE).get_by_text("finished", exact=True).wait_for(timeout=120_000)
            watched = page.url
            rows = [_row("no run trains", _clicks(page, num_clicks))]
            page.goto(f"{url}/?{LOAD}")
            page.get_by_role("button", name="Start", exact=True).click()
            page.locator(".bikd-timeline input").wait_for(timeout=120_000)
            page.wait_for_timeout(10_000)  # data read, first steps done
            rows.append(_row("a ResNet-8x4 trains, watched", _clicks(page, num_clicks)))
            page.goto(watched)
            page.locator(HEADLINE).get_by_text("finished", exact=True).wait_for()
            rows.append(_row("a ResNet-8x4 trains, another run watched", _clicks(page, num_clicks)))
    return rows


def _clicks(page: Page, num_clicks: int) -> list[float]:
    """Seconds of each click: from one view until a figure that only the other has is painted."""
    seconds = []
    for number in range(num_clicks + 2):
        view, title = VIEWS[number % 2]
        page.evaluate(_WATCH, title)
        page.get_by_text(view, exact=True).first.click()
        seconds.append(page.evaluate("() => window.bikdAnswer") / 1000)
        page.wait_for_timeout(300)
    return seconds[2:]


def _row(situation: str, seconds: list[float]) -> Row:
    ordered = sorted(1000 * value for value in seconds)
    return {
        "situation": situation,
        "median_ms": statistics.median(ordered),
        "p95_ms": ordered[round(0.95 * (len(ordered) - 1))],
        "clicks": len(ordered),
    }
