"""Who may do what: the owner, and a stranger who comes through a plain TCP forwarder."""

import socket
import socketserver
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest

from bikd_core.places import Places
from bikd_core.store import control_key
from tests.made_up import make_run

HEADLINE = ".st-key-headline"


class Forwarder(socketserver.ThreadingTCPServer):
    """Copies bytes both ways: to the server, all who come by it sit at its own machine."""

    daemon_threads = True

    def __init__(self, target):
        super().__init__(("127.0.0.1", 0), None)
        self.target = target

    def finish_request(self, client, _):
        with socket.create_connection(self.target) as server:
            back = threading.Thread(target=copy, args=(server, client))
            back.start()
            copy(client, server)
            back.join()


def copy(source, sink):
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def forwarded(url):
    """The address of a forwarder to the server."""
    parts = urlsplit(url)
    with Forwarder((parts.hostname, parts.port)) as forwarder:
        threading.Thread(target=forwarder.serve_forever, daemon=True).start()
        yield f"http://localhost:{forwarder.server_address[1]}"
        forwarder.shutdown()


@pytest.fixture
def places(home):
    return Places.at(home)


def status(url, **headers):
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=10
        ) as got:
            return got.status
    except urllib.error.HTTPError as error:
        return error.code


def open_menu(page, run):
    page.locator(HEADLINE).get_by_text("stopped", exact=True).wait_for()
    page.get_by_role("button", name="This run").click()
    return page.locator("[data-testid=stPopoverBody]")


@pytest.mark.parametrize("has_key", [False, True], ids=["of the command line", "of somebody else"])
def test_a_stranger_sees_a_run_and_can_change_nothing(server_url, new_page, places, has_key):
    run = make_run(places.runs, state="stopped")
    if has_key:
        control_key.make_key(run)
    with forwarded(server_url) as elsewhere:
        page = new_page(f"{elsewhere}/?run={run.run_id}", "This run")
        menu = open_menu(page, run)
        assert page.get_by_role("button", name="Resume").is_disabled()
        assert menu.get_by_label("Name").is_disabled()
        assert menu.get_by_role("checkbox", name="Delete this run").is_disabled()
        assert menu.get_by_role("button", name="Delete").is_disabled()
        assert page.get_by_role("button", name="Start", exact=True).is_enabled()
        assert places.owner_key.read_text() not in page.content()
        assert "key=" not in menu.inner_text()
        assert status(f"{elsewhere}/_stcore/metrics") == 403
        assert status(f"{elsewhere}/_stcore/metrics", Host="localhost") == 403


@pytest.mark.slow
def test_the_owners_link_works_through_the_same_forwarder(server_url, new_page, places):
    run = make_run(places.runs, state="stopped")
    with forwarded(server_url) as elsewhere:
        key = places.owner_key.read_text()
        page = new_page(f"{elsewhere}/?run={run.run_id}&owner={key}", "This run")
        menu = open_menu(page, run)
        name = menu.get_by_label("Name")
        name.fill("Mine")
        name.press("Enter")
        page.wait_for_function("document.body.innerText.includes('Mine')")
        assert run.record().name == "Mine"


def test_the_key_stays_neither_in_the_address_nor_in_the_history(
    server_url, new_page, home, places
):
    run = make_run(places.runs, state="stopped")
    key = places.owner_key.read_text()
    page = new_page(f"{server_url}/?run={run.run_id}&owner={key}", "This run")
    menu = open_menu(page, run)
    assert menu.get_by_label("Name").is_enabled()
    history = page.context.new_cdp_session(page).send("Page.getNavigationHistory")["entries"]
    visited = [entry["url"] for entry in history]
    assert any(run.run_id in url for url in visited)
    assert key not in f"{visited} {page.content()} {page.evaluate('document.cookie')}"
    for log in (home / "logs").iterdir():
        assert key not in log.read_text()


def test_a_page_that_is_opened_directly_asks_for_nothing_that_is_not_there(server_url, new_page):
    missing = []
    page = new_page(f"{server_url}/teachers", "Upload")
    page.on("response", lambda answer: missing.append(answer.url) if answer.status == 404 else None)
    page.reload()
    page.get_by_role("button", name="Upload", exact=True).first.wait_for()
    page.get_by_role("link", name="Compare").first.click()  # the links on top are hidden
    page.wait_for_url("**/compare*")
    assert not missing
