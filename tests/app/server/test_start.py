"""What the server prints when it starts, and its addresses."""

import asyncio
import io

import pytest

from app.server import address, start
from tests import own_loop


@pytest.fixture
def listening(monkeypatch, tmp_path):
    """Let the server listen on an address."""
    monkeypatch.setenv("BIKD_HOME", str(tmp_path))

    def listen(host, is_headless=True):
        options = {"server.address": host, "server.headless": is_headless}
        monkeypatch.setattr(address.st, "get_option", options.get)
        monkeypatch.setattr(start.owner, "key", lambda: "the-key")

    return listen


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_a_server_for_this_machine_prints_one_link_and_how_to_share(listening, host):
    listening(host)
    said = start.greeting()
    assert address.shared_url() == ""
    assert said.count("http://") == 1
    assert "/?owner=the-key" in said
    assert "bikd app --share" in said


@pytest.mark.parametrize("host", ["0.0.0.0", "::", None])
def test_a_shared_server_prints_the_link_for_others_without_the_key(listening, monkeypatch, host):
    listening(host)
    monkeypatch.setattr(address, "_address_in_network", lambda: "192.168.1.7")
    said = start.greeting()
    assert "http://localhost:8501/?owner=the-key" in said
    assert "For others in your network: http://192.168.1.7:8501\n" in said
    assert said.count("the-key") == 1
    assert "cannot steer, rename or delete yours" in said
    assert "█" in said  # the QR code


def test_an_output_without_block_characters_gets_no_qr_code(listening, monkeypatch):
    listening("192.168.1.7")
    monkeypatch.setattr(start.sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    said = start.greeting()
    said.encode("latin-1")
    assert "http://192.168.1.7:8501" in said


def test_without_a_way_out_the_machines_name_is_its_address(monkeypatch):
    def refuse(*_):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(address.socket.socket, "connect", refuse)
    assert address._address_in_network() == address.socket.gethostname()


@pytest.mark.parametrize("is_headless", [True, False])
def test_it_opens_the_owners_link_once_and_ends_its_runs_when_it_ends(
    listening, monkeypatch, capsys, is_headless
):
    listening("localhost", is_headless)
    opened, ended = [], []
    monkeypatch.setattr(start, "log_to_file", lambda: None)
    monkeypatch.setattr(start.webbrowser, "open", opened.append)
    monkeypatch.setattr(start, "_at_end", [])
    start.at_end(lambda: ended.append(True))

    async def serve():
        async with start.lifespan(None):
            await asyncio.sleep(0.05)
            assert not ended

    own_loop.run(serve())
    assert opened == ([] if is_headless else ["http://localhost:8501/?owner=the-key"])
    assert ended == [True]
    assert "?owner=the-key" in capsys.readouterr().out
