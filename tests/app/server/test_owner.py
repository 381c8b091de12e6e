"""The owner's key: where it lies, which requests it answers, which connections it counts for."""

from types import SimpleNamespace

import pytest
import streamlit as st

from app.server import owner
from bikd_core.places import Places
from tests import own_loop


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """A home of the test's own, whose key nobody has read yet."""
    monkeypatch.setenv("BIKD_HOME", str(tmp_path / "home"))
    owner.key.cache_clear()
    yield Places.at(tmp_path / "home")
    owner.key.cache_clear()


def cookie():
    return f"bikd_owner_{st.get_option('server.port')}={owner.key()}"


def answer(path, query="", headers=None, method="GET"):
    """The status and the headers with which the gate answers; 0 if it passes the request on."""
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 0, "headers": []})

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "root_path": "",
        "scheme": "http",
        "server": ("127.0.0.1", 8501),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
    }
    own_loop.run(owner.OwnerGate(app)(scope, None, send))
    start = sent[0]
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}


def test_the_key_is_the_same_at_the_next_start_and_only_this_user_can_read_it(places):
    key = owner.key()
    owner.key.cache_clear()
    assert owner.key() == key == places.owner_key.read_text()
    assert places.owner_key.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 30])
def test_a_damaged_key_opens_nothing(places, content):
    places.owner_key.parent.mkdir()
    places.owner_key.write_bytes(content)
    assert len(owner.key()) > 16
    status, _ = answer("/", f"owner={content.decode('latin-1')}")
    assert status == 0


def test_where_it_cannot_be_stored_it_lasts_until_the_server_ends(places, caplog):
    places.owner_key.parent.write_text("a file where the folder should be")
    assert owner.key() == owner.key()
    assert "holds until this server ends" in caplog.text


def test_the_link_is_exchanged_for_a_cookie_and_keeps_the_rest_of_the_address():
    status, headers = answer("/base/lab", f"run=a%20b&owner={owner.key()}")
    assert status == 303
    assert headers["location"] == "./lab?run=a+b"
    assert headers["cache-control"] == "no-store"
    parts = headers["set-cookie"].split("; ")
    assert parts[0] == cookie()
    assert {"HttpOnly", "SameSite=strict"} <= set(parts)


@pytest.mark.parametrize("path", ["//elsewhere.example", "/javascript:alert(1)", "/a%0d%0ab"])
def test_the_link_leads_nowhere_else(path):
    _, headers = answer(path, f"owner={owner.key()}")
    assert headers["location"].startswith("./")
    assert "\n" not in headers["location"]


@pytest.mark.parametrize("claimed", ["", "abc", "x" * 10_000, "ключ"])
def test_a_wrong_key_is_passed_on(claimed):
    assert answer("/", f"owner={claimed}")[0] == 0


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/base/_stcore/metrics", "/_stcore/metrics/"])
def test_the_metrics_are_the_owners(path):
    assert answer(path)[0] == 403
    assert answer(path, headers={"cookie": "bikd_owner_8501=abc"})[0] == 403
    assert answer(path, headers={"x-forwarded-for": "127.0.0.1", "host": "localhost"})[0] == 403
    assert answer(path, headers={"cookie": cookie()})[0] == 0


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        ("http://localhost:8501", "localhost:8501", True),
        ("https://lab.example.org", "lab.example.org", True),
        ("http://localhost:9999", "localhost:8501", False),  # a page of another server
        ("http://[", "localhost:8501", False),
        (None, "localhost:8501", False),
        (None, None, False),
    ],
)
def test_the_cookie_counts_only_for_pages_of_this_server(monkeypatch, origin, host, expected):
    headers, cookies = {"Origin": origin, "Host": host}, dict([cookie().split("=", 1)])
    context = SimpleNamespace(headers=headers, cookies=cookies)
    monkeypatch.setattr(owner.st, "context", context)
    assert owner.is_owner() == expected
    cookies.clear()
    assert not owner.is_owner()
