"""Viewers who come, leave and reload while a run trains and the server starts anew."""

import asyncio
import base64
import contextlib
import json
import random
import threading
import time
import zlib
from dataclasses import dataclass, field

import numpy as np
import pytest
import websockets

from app.bench.viewers import Viewer, follow
from bikd_core.bench.browser import app_server, free_port
from bikd_core.config import RunConfig
from bikd_core.store import create_run
from tests import own_loop
from tests.made_up import epoch_done, frame_of, started
from tests.patience import PATIENCE_S
from tests.repeated import as_many
from tests.runs.usage import usage, wait_until_forgotten

NUM_VIEWERS = as_many(4, 30)
SECONDS = as_many(12, 600)  # of coming and going
SECONDS_PER_EPOCH = as_many(1, 2) / 2  # a line of more than 1000 epochs would be thinned
STAY_S = (1.0, as_many(4, 40))  # a viewer stays so long, then reloads or leaves
FORGOTTEN_S = 2  # the server forgets a page that was left
CONFIG = RunConfig.from_flat({"epochs": 1000, "head_count": 20, "imbalance_factor": 5})
ROOM_MB = 20  # what a server may take more than a tenth, for the allocator

pytestmark = pytest.mark.slow


@dataclass
class Follower(Viewer):
    """A viewer who notes the epochs of each visit, and what was wrong with a page."""

    visits: list[list[int]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def see(self, message) -> None:
        element = message.delta.new_element
        if element.HasField("exception"):
            self.faults.append(element.exception.message)
        if element.bidi_component.component_name == "bikd_live_plot":
            self.look_at(drawing_of(element.bidi_component))

    def look_at(self, drawing) -> None:
        """Compare a line over the epochs with what the run wrote for each of them."""
        for line in drawing["data"]:
            if line.get("uid") == "few" and "y" in line:
                epochs = len(line["y"])
                self.visits[-1].append(epochs)
                written = [epoch_done(n, CONFIG).accuracy_few for n in range(1, epochs + 1)]
                if not np.allclose(line["y"], 100 * np.array(written), atol=0.051):
                    self.faults.append(f"few, {line['y']}")


def drawing_of(sent):
    [plot] = json.loads(sent.json)
    return json.loads(zlib.decompress(base64.b64decode(plot["drawing"])))


def train_slowly(folder, is_over):
    """Write a run as a command line beside the server would, an epoch now and then."""
    with folder.lock():
        folder.append(started(CONFIG))
        folder.write_status("running", epoch=0, epochs=CONFIG.training.epochs)
        number = 0
        while not is_over.is_set():
            number += 1
            epoch = epoch_done(number, CONFIG)
            folder.append(frame_of(CONFIG, epoch))
            folder.append(epoch)
            is_over.wait(SECONDS_PER_EPOCH)
        folder.write_status("stopped", epoch=number, epochs=CONFIG.training.epochs)
    return number


async def visit(url, query, viewer, seconds):
    """Open the page for some time; a server that is starting is tried again."""
    viewer.visits.append([])
    with contextlib.suppress(TimeoutError, OSError, websockets.WebSocketException):
        await asyncio.wait_for(follow(url, query, viewer), seconds)


async def come_and_go(url, query, viewer, draw, until):
    while time.monotonic() < until:
        await visit(url, query, viewer, draw.uniform(*STAY_S))
        await asyncio.sleep(draw.choice([0.05, 1.0]))  # a reload, or a break


async def crowd(url, query, viewers, seconds):
    until = time.monotonic() + seconds
    await asyncio.gather(
        *(
            come_and_go(url, query, viewer, random.Random(n), until)
            for n, viewer in enumerate(viewers)
        )
    )


async def look(url, query, viewer, epoch):
    """Open the page until it shows this epoch or a later one, or for too long."""
    visiting = asyncio.create_task(visit(url, query, viewer, PATIENCE_S))
    await asyncio.sleep(0)  # now it has begun
    while not visiting.done() and viewer.visits[-1][-1:] < [epoch]:
        await asyncio.sleep(0.2)
    visiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await visiting


async def all_at_once(url, query, viewers, epoch):
    await asyncio.gather(*(look(url, query, viewer, epoch) for viewer in viewers))


def test_each_viewer_sees_each_epoch_and_the_server_is_as_before(tmp_path, monkeypatch):
    monkeypatch.setenv("STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL", str(FORGOTTEN_S))
    folder, is_over = create_run(tmp_path / "runs", CONFIG), threading.Event()
    ended = []
    writer = threading.Thread(target=lambda: ended.append(train_slowly(folder, is_over)))
    writer.start()
    port, query = free_port(), f"run={folder.run_id}&view=Accuracy"
    viewers = [Follower() for _ in range(NUM_VIEWERS)]
    try:
        with app_server(tmp_path, tmp_path / "first.log", port=port) as server:
            own_loop.run(crowd(server.url, query, viewers, SECONDS / 2))
        with app_server(tmp_path, tmp_path / "second.log", port=port) as server:
            own_loop.run(all_at_once(server.url, query, viewers, 1))
            wait_until_forgotten(server.pid, 0 if SECONDS > 100 else 8)
            threads, memory = usage(server.pid)
            own_loop.run(crowd(server.url, query, viewers, SECONDS / 2))
            is_over.set()
            writer.join()
            own_loop.run(all_at_once(server.url, query, viewers, ended[0]))
            wait_until_forgotten(server.pid, threads)
            threads_after, memory_after = usage(server.pid)
    finally:
        is_over.set()
        writer.join()
    print(f"{threads} threads, {memory:.0f} MB; then {threads_after}, {memory_after:.0f} MB")
    for viewer in viewers:
        assert viewer.faults == []
        assert viewer.visits[-1][-1] == ended[0]
        for seen in viewer.visits:
            assert seen == sorted(seen)
    told = [seen for viewer in viewers for seen in viewer.visits if seen]
    assert len(told) > 2 * len(viewers)  # also while they came and went
    assert threads_after <= threads
    assert memory_after <= 1.1 * memory + ROOM_MB
