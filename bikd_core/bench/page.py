"""Measures the cost of viewers: websocket clients follow one training run as a browser would.

One, ten and thirty viewers take turns. How much slower they make the training is the median of the
ratios within each round.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bikd_core.bench.browser import chromium, served_app
from bikd_core.bench.report import Row
from bikd_core.places import ROOT

VIEWERS = (1, 10, 30)
#: A digits run with a larger student, so that an epoch takes about as long as a poll.
LOAD = "student=digits_cnn_l&batch_size=16&epochs=10000"
WATCH_S = 15


def measure(rounds: int, *, in_class: bool = False) -> list[Row]:
    """Return a row per number of viewers: epoch time, poll latency, bytes per poll.

    The values are medians over the rounds, except the longest delay, which is the maximum.

    Args:
        rounds: How often to measure.
        in_class: Whether the viewers are the followers of a class, in place of the Lab's viewers.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with served_app(home, home / "server.log") as url:
            run_id, code = _start_run(url, opens_class=in_class)
            watched = ("class", f"join={code}") if in_class else ("lab", f"run={run_id}")
            log = home / "runs" / run_id / "events.jsonl"
            taken = [[_row(url, watched, log, number) for number in VIEWERS] for _ in range(rounds)]
    for rows in taken:
        for row in rows:
            row["training_slower"] = row["epoch_seconds"] / rows[0]["epoch_seconds"]
    return [_over_rounds(rows) for rows in zip(*taken, strict=True)]


def _over_rounds(rows: Sequence[Row]) -> Row:
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return medians | {"behind_max_s": max(row["behind_max_s"] for row in rows)}


def _start_run(url: str, *, opens_class: bool) -> tuple[str, str]:
    """Start the run in a browser, as a user does, and close the browser.

    Returns:
        The run's id, and the code of the class that was opened on it; "": none.
    """
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"{url}/lab?{LOAD}")
        page.get_by_role("button", name="Start", exact=True).click()
        page.locator(".bikd-timeline input").wait_for(timeout=120_000)
        page.wait_for_url("**run=*")
        code = ""
        if opens_class:
            page.get_by_role("button", name="Open a class").click()
            link = page.locator(".bikd-invitation").inner_text()
            code = parse_qs(urlsplit(link).query)["join"][0]
        return parse_qs(urlsplit(page.url).query)["run"][0], code


def _row(url: str, watched: tuple[str, str], log: Path, number: int) -> Row:
    """Return the measurements of so many viewers of a page, which is given with its query."""
    command = [sys.executable, "-m", "app.bench.viewers", url, *watched, str(number), str(WATCH_S)]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as viewers:
        assert viewers.stderr is not None
        first_line = viewers.stderr.readline()
        size = log.stat().st_size
        out, error = viewers.communicate()
    if viewers.returncode:
        raise RuntimeError(f"The viewers did not follow the run: {(first_line + error)[-500:]}")
    seen = json.loads(out)
    latencies = seen["latencies"]
    if not latencies:
        raise RuntimeError(f"None of {number} viewers got an answer within {WATCH_S} s.")
    slowest = latencies[round(0.95 * (len(latencies) - 1))]
    return {
        "viewers": number,
        "epoch_seconds": _epoch_seconds(log, size),
        "poll_interval_s": seen["interval"],
        "poll_latency_median_s": statistics.median(latencies),
        "poll_latency_p95_s": slowest,
        "behind_p95_s": seen["interval"] + slowest,
        "behind_max_s": seen["interval"] + latencies[-1],
        "kb_per_poll": seen["num_bytes"] / len(latencies) / 1000,
        "polls": len(latencies),
    }


def _epoch_seconds(log: Path, since: int) -> float:
    """Return the median seconds of the epochs logged after the log had this size in bytes."""
    with log.open("rb") as file:
        file.seek(since)
        events = [json.loads(line) for line in file.read().splitlines() if line.endswith(b"}")]
    seconds = [float(event["seconds"]) for event in events if event["kind"] == "epoch"]
    return statistics.median(seconds)
