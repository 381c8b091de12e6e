"""Measures how long a user waits: import, first paint, and from Start to the first chart."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bikd_core.bench.browser import chromium, served_app
from bikd_core.bench.report import Row

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_IMPORT = "import time; t = time.perf_counter(); import bikd_core; print(time.perf_counter() - t)"
FIRST_CHART = ".st-key-figure_w_hard .js-plotly-plot .nsewdrag"
WARM_UP_S = 8.0  # a user looks at the page first, and the spare child process gets ready


def measure(num_runs: int) -> list[Row]:
    """Return a row per kind of wait, with median and largest seconds of `num_runs`.

    Each run has its own server and home; the browser is already open. The first run does not
    count, since the disk cache of the machine is still cold.
    """
    waits: dict[str, list[float]] = {
        "import bikd_core": [_import_seconds() for _ in range(num_runs + 1)],
        "first paint": [],
        "Start can be pressed": [],
        "Start to first chart": [],
        "Start to first chart, child not yet warm": [],
    }
    with chromium() as browser:
        for number in range(2 * (num_runs + 1)):
            is_warm = number % 2 == 0
            for name, seconds in _run_waits(browser, is_warm=is_warm).items():
                waits[name].append(seconds)
    return [
        {
            "wait": name,
            "median_seconds": statistics.median(values[1:]),
            "largest_seconds": max(values[1:]),
            "runs": num_runs,
        }
        for name, values in waits.items()
    ]


def _run_waits(browser: Browser, *, is_warm: bool) -> dict[str, float]:
    """Start a server and a run; with a warm child process, time also what comes before Start."""
    waits = {}
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        with served_app(Path(folder), Path(folder) / "server.log") as url:
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.goto(f"{url}/lab")
            page.get_by_text("Bilevel Distillation Lab").first.wait_for()
            painted = time.perf_counter() - begin
            start = page.get_by_role("button", name="Start", exact=True)
            start.wait_for()
            if is_warm:
                waits["first paint"] = painted
                waits["Start can be pressed"] = time.perf_counter() - begin
                page.wait_for_timeout(1000 * WARM_UP_S)
            clicked = time.perf_counter()
            start.click()
            page.locator(FIRST_CHART).wait_for()
            name = "Start to first chart" + ("" if is_warm else ", child not yet warm")
            waits[name] = time.perf_counter() - clicked
            page.close()
    return waits


def _import_seconds() -> float:
    done = subprocess.run([sys.executable, "-c", _IMPORT], check=True, capture_output=True)
    return float(done.stdout)
