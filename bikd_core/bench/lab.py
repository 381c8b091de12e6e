"""Measures the Lab: bytes of a poll, building of figures, the epoch slider, the first paint."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bikd_core.bench.browser import HEADLINE, chromium, served_app
from bikd_core.bench.click import LOAD
from bikd_core.bench.report import Row
from bikd_core.bench.synthetic import Synthetic
from bikd_core.places import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, WebSocket

RECORDED = "BiKD lifts the tail"  # part of the name of a recorded run
POLLED_VIEWS = ("Overview", "Weights", "Pictures", "Surface", "Accuracy", "Outer loop")
SILENCE_S = 0.15  # that separates two polls; the page polls every 0.5 s
POLLS = 3  # polls of a view, of which the largest counts
CHART = ".js-plotly-plot .nsewdrag"

# Uses the page's own clock, from the click until every sentence of the view names the epoch, the
# figures are drawn (which keeps the page busy) and a frame is painted.
_WATCH_ALL = """
text => {
  window.bikdAnswer = new Promise(resolve => {
    document.addEventListener("click", event => {
      const look = () => {
        const sentences = [...document.querySelectorAll("figcaption")]
          .map(element => element.textContent)
          .filter(sentence => sentence.startsWith("At epoch"));
        if (!sentences.length || !sentences.every(said => said.startsWith(text))) return;
        observer.disconnect();
        requestIdleCallback(() => requestAnimationFrame(
          () => setTimeout(() => resolve(performance.now() - event.timeStamp))));
      };
      const observer = new MutationObserver(look);
      observer.observe(document.body, {childList: true, subtree: true, characterData: true});
    }, {capture: true, once: true});
  });
}
"""


def measure(num_moves: int, data_dir: Path | None) -> list[Row]:
    """Return rows with the keys what, situation, median, largest and unit.

    Args:
        num_moves: Moves of the epoch slider in each situation.
        data_dir: Folder that holds CIFAR-10; None: nothing trains meanwhile.
    """
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        rows = _poll_rows(browser, home / "polls")
        with served_app(home / "lab", home / "lab.log", data_dir) as url:
            page, link, opened = _open_recorded(browser, url)
            rows += [_row("opening a recorded run", "a click on its button", [opened], "s")]
            rows += _first_paint(browser, link, min(num_moves, 10))
            rows += [_slider(page, num_moves, "run finished, nothing trains")]
            if data_dir is not None:
                busy = browser.new_page()
                busy.goto(f"{url}/lab?{LOAD}")
                busy.get_by_role("button", name="Start", exact=True).click()
                busy.locator(".bikd-timeline input").wait_for(timeout=120_000)
                busy.wait_for_timeout(10_000)
                busy.close()
                rows += [_slider(page, num_moves, "run finished, a ResNet-8x4 trains")]
    return rows


def _poll_rows(browser: Browser, home: Path) -> list[Row]:
    home.mkdir()
    runs = home / "runs"
    runs.mkdir()
    synthetic = Synthetic(runs)
    last = synthetic.config.training.epochs
    with synthetic.folder.hold(1.0):  # so that the server takes the run for live
        synthetic.begin()
        synthetic.train(last - POLLS * 2 * len(POLLED_VIEWS) - 1)
        with served_app(home, home / "server.log") as url:
            rows = []
            for by in ("groups", "classes"):
                for view in POLLED_VIEWS:
                    link = f"{url}/lab?run={synthetic.folder.run_id}&view={view}&by={by}"
                    sizes = _poll_sizes(browser, link, synthetic)
                    situation = f"{view}, 100 classes, by {by}"
                    rows.append(_row("a poll", situation, [size / 1000 for size in sizes], "kB"))
        synthetic.train(last)
    environment = os.environ | {"BIKD_HOME": str(home)}
    command = [sys.executable, "-m", "app.bench.figure_times", str(runs), synthetic.folder.run_id]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return rows + _figure_rows(json.loads(done.stdout))


def _poll_sizes(browser: Browser, link: str, synthetic: Synthetic) -> list[int]:
    """Return the bytes of the largest poll after each of some new epochs of a followed run."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    received: list[tuple[float, int]] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: received.append((time.perf_counter(), len(frame))))

    page.on("websocket", listen)
    page.goto(link)
    page.locator(".bikd-timeline input").wait_for()
    page.wait_for_timeout(4_000)  # until figures and estimate are on the page
    sizes = []
    for _ in range(POLLS):
        synthetic.train(synthetic.epoch + 1)
        received.clear()
        _wait_for_epoch(page, synthetic.epoch)
        page.wait_for_timeout(1_500)  # another poll or two, with nothing new
        sizes.append(max(_by_poll(received)))
    page.close()
    return sizes


def _by_poll(frames: list[tuple[float, int]]) -> list[int]:
    """Return the bytes of each burst of frames; silence separates two polls."""
    sizes, last = [0], float("-inf")
    for at, size in frames:
        if at - last > SILENCE_S:
            sizes.append(0)
        sizes[-1] += size
        last = at
    return sizes


def _wait_for_epoch(page: Page, epoch: int) -> None:
    page.locator(".bikd-timeline output").filter(has_text=f"epoch {epoch} of").wait_for()


def _figure_rows(times: dict[str, dict[str, dict[str, float]]]) -> list[Row]:
    return [
        {
            "what": "building the figures of a view",
            "situation": f"{view}, 100 classes, epoch 200",
            "median": 1000 * sum(time["median"] for time in figures.values()),
            "largest": 1000 * sum(time["first"] for time in figures.values()),
            "unit": "ms",
        }
        for view, figures in times.items()
    ]


def _open_recorded(browser: Browser, url: str) -> tuple[Page, str, float]:
    """Open a recorded run; return the page, its link, and the seconds from click to figure."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(f"{url}/lab")
    button = page.get_by_role("button", name=RECORDED).first
    button.wait_for()
    page.wait_for_timeout(8_000)  # as a user looks at the page first
    start = time.perf_counter()
    button.click()
    page.locator(HEADLINE).get_by_text("finished").wait_for()
    page.locator(CHART).first.wait_for()
    opened = time.perf_counter() - start
    page.wait_for_url("**run=*")
    page.wait_for_timeout(3_000)
    return page, page.url, opened


def _first_paint(browser: Browser, link: str, repeats: int) -> list[Row]:
    """Time a link until its headline and its first figure, with an empty browser cache."""
    painted: dict[str, list[float]] = {HEADLINE: [], CHART: []}
    for _ in range(repeats):
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        page = context.new_page()
        start = time.perf_counter()
        page.goto(link)
        for what, seconds in painted.items():
            page.locator(what).first.wait_for()
            seconds.append(time.perf_counter() - start)
        context.close()
    situation = "link to a recorded run, to its {}".format
    return [
        _row("first paint", situation("headline"), painted[HEADLINE], "s"),
        _row("first paint", situation("first figure"), painted[CHART], "s"),
    ]


def _slider(page: Page, num_moves: int, situation: str) -> Row:
    """Time a click on the slider's button until the whole Overview of that epoch is painted."""
    taken = []
    for number in range(num_moves + 2):
        is_back = number % 2 == 0
        page.evaluate(_WATCH_ALL, "At epoch 59 " if is_back else "At epoch 60 ")
        page.get_by_role("button", name="One epoch back" if is_back else "One epoch on").click()
        taken.append(page.evaluate("() => window.bikdAnswer"))
        page.wait_for_timeout(300)
    return _row("one epoch back or on", situation, taken[2:], "ms")


def _row(what: str, situation: str, values: list[Any], unit: str) -> Row:
    return {
        "what": what,
        "situation": situation,
        "median": statistics.median(values),
        "largest": max(values),
        "unit": unit,
    }
