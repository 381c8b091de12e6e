"""`python -m app.bench.viewers URL PAGE QUERY NUMBER SECONDS`: pages that poll, no browser.

For the benchmark, which may not import Streamlit. Each viewer opens a page over Streamlit's
own protocol and polls as often as the page tells a browser to. It draws nothing, so many of them
fit beside a server on one machine. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

SETTLE_S = 6.0  # for the pages to open
MAX_MESSAGE = 64_000_000


@dataclass
class Viewer:
    """One open page: how long its polls took, and how many bytes it received."""

    latencies: list[float] = field(default_factory=list)
    num_bytes: int = 0
    interval: float = 0.0  # seconds between polls, as the page last requested

    def see(self, message: ForwardMsg) -> None:
        """Do something with what the server sent; measuring needs only its size."""


async def watch(url: str, page: str, query: str, number: int, seconds: float) -> list[Viewer]:
    """Return the measurements of `number` viewers over `seconds`, once their pages are open."""
    viewers = [Viewer() for _ in range(number)]
    tasks = [asyncio.create_task(follow(url, query, viewer, page)) for viewer in viewers]
    await asyncio.sleep(SETTLE_S + 0.3 * number)
    print("open", file=sys.stderr, flush=True)
    for viewer in viewers:
        viewer.latencies.clear()
        viewer.num_bytes = 0
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task  # an error of a viewer ends the measurement
    return viewers


async def follow(url: str, query: str, viewer: Viewer, page: str = "lab") -> None:
    """Open a page and poll it as a browser does, until this is cancelled or the server goes away.

    Args:
        url: The server.
        query: The page's parameters, as in a link.
        viewer: Receives what is measured, and each message.
        page: The page's name in its address.

    Raises:
        OSError, websockets.WebSocketException: The server is not there, or refuses.
    """
    address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
    async with websockets.connect(
        address, origin=websockets.Origin(url), max_size=MAX_MESSAGE,
        subprotocols=[websockets.Subprotocol("streamlit")],
    ) as socket:  # fmt: skip
        first = BackMsg()
        first.rerun_script.page_name = page
        first.rerun_script.query_string = query
        await socket.send(first.SerializeToString())
        asked_at: list[float] = []
        polls: dict[str, asyncio.Task[None]] = {}
        intervals: dict[str, float] = {}  # by fragment: the page may ask for another later
        asked_of = ""  # the page, as the server names it
        try:
            async for content in socket:
                viewer.num_bytes += len(content)
                message = ForwardMsg()
                message.ParseFromString(bytes(content))  # type: ignore[arg-type]
                viewer.see(message)
                kind = message.WhichOneof("type")
                if kind == "navigation":
                    # The whole page is drawn anew, which ends all timers of a browser too.
                    asked_of = message.navigation.page_script_hash
                    while polls:
                        polls.popitem()[1].cancel()
                    intervals.clear()
                elif kind == "auto_rerun":
                    asked = message.auto_rerun
                    intervals[asked.fragment_id] = asked.interval
                    viewer.interval = max(intervals.values())
                    if asked.fragment_id not in polls:
                        polls[asked.fragment_id] = asyncio.create_task(
                            _poll(socket, query, asked_of, asked.fragment_id, intervals, asked_at)
                        )
                elif kind == "script_finished" and asked_at and not _is_drawn_anew(message):
                    viewer.latencies.append(time.perf_counter() - asked_at.pop(0))
        finally:
            for task in polls.values():
                task.cancel()


def _is_drawn_anew(message: ForwardMsg) -> bool:
    """Return whether a part of a page has asked for the whole page, which is still to come."""
    return message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN


async def _poll(
    socket: Any,
    query: str,
    page: str,
    fragment: str,
    intervals: dict[str, float],
    asked_at: list[float],
) -> None:
    while True:
        await asyncio.sleep(intervals[fragment])
        if asked_at:
            continue  # a browser's page also has only one poll under way
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.page_script_hash = page  # else a part would lead to the first page
        message.rerun_script.fragment_id = fragment
        message.rerun_script.is_auto_rerun = True
        asked_at.append(time.perf_counter())
        await socket.send(message.SerializeToString())


def main(url: str, page: str, query: str, number: str, seconds: str) -> None:
    """Print the measurements of all viewers together."""
    viewers = asyncio.run(watch(url, page, query, int(number), float(seconds)))
    seen = {
        "latencies": sorted(value for viewer in viewers for value in viewer.latencies),
        "num_bytes": sum(viewer.num_bytes for viewer in viewers),
        "interval": max(viewer.interval for viewer in viewers),
    }
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
