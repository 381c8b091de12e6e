"""Four browsers steer one run at once, over Streamlit's own protocol: nothing is lost or kept."""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field

import pytest
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from app.bench.viewers import MAX_MESSAGE
from bikd_core.bench.browser import app_server, free_port
from bikd_core.events import EpochDone
from bikd_core.places import Places
from bikd_core.store import ENDED, list_runs
from tests import own_loop
from tests.patience import PATIENCE_S
from tests.repeated import as_many
from tests.runs.usage import usage, wait_until_forgotten

NUM_STORMS = as_many(2, 25)
NUM_BROWSERS, NUM_PRESSES = 4, 30
STOPPED_AFTER = 20  # presses: a run that was stopped at once would not be steered
CONTROLS = "method=ce&student=digits_mlp&epochs=10000&head_count=20&imbalance_factor=5"
FORGOTTEN_S = 2  # the server forgets a page that was left
MORE_MEMORY = 1.05

pytestmark = pytest.mark.slow


@dataclass
class Browser:
    """An open page of the Lab: its widgets by key, and what went wrong on it."""

    socket: websockets.ClientConnection
    query: str
    widgets: dict[str, str] = field(default_factory=dict)  # to their ids
    faults: list[str] = field(default_factory=list)

    async def read(self):
        async for content in self.socket:
            message = ForwardMsg()
            message.ParseFromString(content)
            element = message.delta.new_element
            if element.HasField("exception"):
                self.faults.append(element.exception.message)
            for kind in ("button", "menu_button", "number_input", "slider"):
                if element.HasField(kind):
                    widget_id = getattr(element, kind).id
                    self.widgets[widget_id.split("-", 2)[2]] = widget_id

    async def send(self, key="", **value):
        """Draw the page, and set a widget to a value if one is given."""
        message = BackMsg()
        message.rerun_script.page_name = "lab"
        message.rerun_script.query_string = self.query
        if key:
            message.rerun_script.widget_states.widgets.add(id=self.widgets[key], **value)
        await self.socket.send(message.SerializeToString())

    async def has(self, key):
        async with asyncio.timeout(PATIENCE_S):
            while key not in self.widgets:
                await asyncio.sleep(0.05)

    async def press_anything(self, run_id, draw, *, may_stop):
        """Do what somebody may do who steers a run."""
        presses = {
            "pause": {"trigger_value": True},  # or Resume: the same button
            "step": {"string_trigger_value": {"data": draw.choice(["0", "1", "2"])}},
            f"tune_rate {run_id}": {"double_value": draw.choice([0.01, 0.05, 0.1])},
            f"tune_speed {run_id}": {"string_array_value": {"data": [draw.choice(["2/s", "5/s"])]}},
            "stop": {"trigger_value": True},
        }
        [key] = draw.choices(list(presses), weights=[16, 8, 4, 4, int(may_stop)])
        if key in self.widgets:
            await self.send(key, **presses[key])


@contextlib.asynccontextmanager
async def opened(url, cookie, query):
    """The Lab in the browser of the server's owner."""
    async with websockets.connect(
        f"{url.replace('http', 'ws', 1)}/_stcore/stream",
        origin=url,
        additional_headers={"Cookie": cookie},
        max_size=MAX_MESSAGE,
        subprotocols=["streamlit"],
    ) as socket:
        browser = Browser(socket, query)
        reading = asyncio.create_task(browser.read())
        try:
            await browser.send()
            await browser.has("start")
            yield browser
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                await reading


async def started_run(url, cookie, runs):
    """Press Start, and return the new run when it trains."""
    before = {run.run_id for run in list_runs(runs)}
    async with opened(url, cookie, CONTROLS) as browser, asyncio.timeout(PATIENCE_S):
        await browser.send("start", trigger_value=True)
        while True:
            for run in list_runs(runs):
                if run.run_id not in before and run.status().epoch:
                    return run
            await asyncio.sleep(0.1)


async def steer(url, cookie, run, draw):
    async with opened(url, cookie, f"run={run.run_id}") as browser:
        for key in ("stop", f"tune_rate {run.run_id}", f"tune_speed {run.run_id}"):
            await browser.has(key)
        for press in range(NUM_PRESSES):
            await browser.press_anything(run.run_id, draw, may_stop=press >= STOPPED_AFTER)
            await asyncio.sleep(draw.uniform(0, 0.15))
        await asyncio.sleep(1)  # until the last one is drawn
    return browser.faults


async def stop(url, cookie, run):
    async with opened(url, cookie, f"run={run.run_id}") as browser, asyncio.timeout(PATIENCE_S):
        await browser.has("stop")
        while run.status().state not in ENDED:
            await browser.send("stop", trigger_value=True)
            await asyncio.sleep(0.5)
    return browser.faults


async def storm(url, cookie, places, number):
    run = await started_run(url, cookie, places.runs)
    draws = [random.Random(NUM_BROWSERS * number + one) for one in range(NUM_BROWSERS)]
    faults = await asyncio.gather(*(steer(url, cookie, run, draw) for draw in draws))
    faults.append(await stop(url, cookie, run))
    assert not any(faults), faults
    return run


def test_four_browsers_that_steer_one_run_lose_no_epoch_and_the_server_keeps_nothing(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL", str(FORGOTTEN_S))
    places, port = Places.at(tmp_path), free_port()
    used, steered = [], set()
    with app_server(tmp_path, tmp_path / "server.log", port=port) as server:
        cookie = f"bikd_owner_{port}={places.owner_key.read_text()}"
        for number in range(NUM_STORMS):
            run = own_loop.run(storm(server.url, cookie, places, number))
            done = [event.epoch for event in run.events() if isinstance(event, EpochDone)]
            assert done == list(range(1, len(done) + 1))
            assert run.frames_available == tuple(done)
            steered |= {event.control for event in run.events() if event.kind == "control"}
            wait_until_forgotten(server.pid, used[0][0] if used else 8)
            used.append(usage(server.pid))
    assert steered >= {"paused", "resumed", "learning_rate", "speed"}
    threads, memory = zip(*used, strict=True)
    assert threads[-1] <= threads[0]
    assert memory[-1] <= MORE_MEMORY * memory[0], memory
