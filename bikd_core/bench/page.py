"""What viewers cost: N websocket clients follow one training run, as the browser's page would.

Each client opens the run's link over Streamlit's own protocol and asks for a new drawing as often
as the page tells a browser to. It draws nothing, so many fit beside a server on one machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from bikd_core.bench.browser import chromium, served_app
from bikd_core.bench.report import Row

VIEWERS = (1, 5, 10, 20, 30)
#: A digits run with a larger student, so that an epoch takes about as long as a poll.
LOAD = "student=digits_cnn_l&batch_size=16&epochs=10000"
SETTLE_S, WATCH_S = 6.0, 20.0
MAX_MESSAGE = 64_000_000


@dataclass
class _Viewer:
    """One open page: how long its polls took, and how many bytes came."""

    latencies: list[float] = field(default_factory=list)
    num_bytes: int = 0
    interval: float = 0.0  # of the poll, seconds, as the page asks


def measure() -> list[Row]:
    """One row a number of viewers: epoch time against one viewer's, poll latency, bytes a poll."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with served_app(home, home / "server.log") as url:
            run_id = _start_run(url)
            log = home / "runs" / run_id / "events.jsonl"
            rows = [asyncio.run(_row(url, run_id, log, number)) for number in VIEWERS]
    for row in rows:
        row["training_slower"] = row["epoch_seconds"] / rows[0]["epoch_seconds"]
    return rows


def _start_run(url: str) -> str:
    """Start the run from a browser, as a user does; its id. The browser is closed again."""
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"{url}/?{LOAD}")
        page.get_by_role("button", name="Start", exact=True).click()
        page.locator(".bikd-timeline input").wait_for(timeout=120_000)
        page.wait_for_url("**run=*")
        return parse_qs(urlsplit(page.url).query)["run"][0]


async def _row(url: str, run_id: str, log: Path, number: int) -> Row:
    viewers = [_Viewer() for _ in range(number)]
    tasks = [asyncio.create_task(_follow(url, f"run={run_id}", viewer)) for viewer in viewers]
    await asyncio.sleep(SETTLE_S + 0.2 * number)
    for viewer in viewers:
        viewer.latencies.clear()
        viewer.num_bytes = 0
    size = log.stat().st_size
    await asyncio.sleep(WATCH_S)
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task  # an error of a viewer ends the measurement
    latencies = sorted(value for viewer in viewers for value in viewer.latencies)
    if not latencies:
        raise RuntimeError(f"None of {number} viewers was answered within {WATCH_S:.0f} s.")
    slowest = latencies[round(0.95 * (len(latencies) - 1))]
    return {
        "viewers": number,
        "epoch_seconds": _epoch_seconds(log, size),
        "poll_interval_s": max(viewer.interval for viewer in viewers),
        "poll_latency_median_s": statistics.median(latencies),
        "poll_latency_p95_s": slowest,
        "behind_p95_s": max(viewer.interval for viewer in viewers) + slowest,
        "kb_per_poll": sum(v.num_bytes for v in viewers) / len(latencies) / 1000,
        "polls": len(latencies),
    }


def _epoch_seconds(log: Path, since: int) -> float:
    """Median of the epochs that were logged after the log had that size."""
    with log.open("rb") as file:
        file.seek(since)
        events = [json.loads(line) for line in file.read().splitlines() if line.endswith(b"}")]
    seconds = [float(event["seconds"]) for event in events if event["kind"] == "epoch"]
    return statistics.median(seconds)


async def _follow(url: str, query: str, viewer: _Viewer) -> None:
    address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
    async with websockets.connect(
        address, origin=websockets.Origin(url), max_size=MAX_MESSAGE,
        subprotocols=[websockets.Subprotocol("streamlit")],
    ) as socket:  # fmt: skip
        first = BackMsg()
        first.rerun_script.query_string = query
        await socket.send(first.SerializeToString())
        asked_at: list[float] = []
        polls: dict[str, asyncio.Task[None]] = {}
        try:
            async for content in socket:
                viewer.num_bytes += len(content)
                message = ForwardMsg()
                message.ParseFromString(bytes(content))  # type: ignore[arg-type]
                kind = message.WhichOneof("type")
                if kind == "auto_rerun":
                    asked = message.auto_rerun
                    if asked.fragment_id not in polls:
                        viewer.interval = max(viewer.interval, asked.interval)
                        polls[asked.fragment_id] = asyncio.create_task(
                            _poll(socket, query, asked.fragment_id, asked.interval, asked_at)
                        )
                elif kind == "script_finished" and asked_at:
                    viewer.latencies.append(time.perf_counter() - asked_at.pop(0))
        finally:
            for task in polls.values():
                task.cancel()


async def _poll(
    socket: Any, query: str, fragment: str, interval: float, asked_at: list[float]
) -> None:
    while True:
        await asyncio.sleep(interval)
        if asked_at:
            continue  # the browser's page, too, has but one drawing under way
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.fragment_id = fragment
        message.rerun_script.is_auto_rerun = True
        asked_at.append(time.perf_counter())
        await socket.send(message.SerializeToString())
