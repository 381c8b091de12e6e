"""plotly.js, as the server sends it."""

import asyncio
import gzip
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.requests import Request

from app.server.figure_script import figure_script
from app.server.static_files import PLOTLY


def answer_to(**headers):
    listed = [(name.encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "method": "GET", "headers": listed})
    with ThreadPoolExecutor(1) as thread:  # a browser's tests leave a loop running in this one
        return thread.submit(asyncio.run, figure_script(request)).result()


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.8", "identity", ""])
def test_it_is_the_bundle_after_one_comment_however_it_travels(accepted):
    answer = answer_to(**{"accept-encoding": accepted} if accepted else {})
    body = answer.body
    is_compressed = answer.headers.get("content-encoding") == "gzip"
    assert is_compressed == ("gzip" in accepted)
    first, rest = (gzip.decompress(body) if is_compressed else body).split(b"\n", 1)
    assert first.startswith(b"//")
    assert rest == PLOTLY.read_bytes()
    assert answer.headers["content-type"].startswith("text/javascript")


def test_a_browser_fetches_a_third_of_it_and_keeps_it():
    answer = answer_to(**{"accept-encoding": "gzip"})
    assert len(answer.body) < PLOTLY.stat().st_size / 2.5
    assert "immutable" in answer.headers["cache-control"]
