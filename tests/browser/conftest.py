"""A real server with its own empty home, and a real browser."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bikd_core.bench.browser import served_app

HAS_FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in Path(item.path).parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """The folder of the server's runs."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def server_url(home):
    with served_app(home, home / "server.log") as url:
        yield url


@pytest.fixture(scope="session")
def compared(server_url, browser):
    """Run a comparison to its end, time its methods and return its link."""
    page = browser.new_page()
    page.goto(f"{server_url}/compare?methods=ce,kd&seeds=0,1&epochs=3")
    page.get_by_role("button", name="Start 4 runs").click()
    page.get_by_text("4 of 4 runs").wait_for()
    page.get_by_role("button", name=re.compile("Nothing is missing")).wait_for()
    page.get_by_role("button", name="Time the methods").click()
    page.get_by_role("button", name="Time them again").wait_for()
    link = page.url
    page.close()
    return link


@pytest.fixture(scope="session")
def recorded_url(server_url, browser):
    """Open the recorded BiKD run once, and return its link."""
    return link_to(browser, server_url, "BiKD lifts the tail")


@pytest.fixture(scope="session")
def kd_url(server_url, browser):
    """The same for the recorded KD run."""
    return link_to(browser, server_url, "plain distillation")


@pytest.fixture(scope="session")
def pair_url(recorded_url, kd_url):
    """Return the link to the recorded BiKD run with the recorded KD run beside it."""
    return f"{recorded_url}&with={kd_url.partition('run=')[2]}"


def link_to(browser, server_url: str, name: str) -> str:
    page = browser.new_page()
    page.goto(f"{server_url}/lab")
    page.get_by_role("button", name=name).first.click()
    page.wait_for_url("**run=*")
    run = re.search("run=([^&]+)", page.url)[1]
    page.close()
    return f"{server_url}/lab?run={run}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        item.stash[HAS_FAILED] = True
    return report


def tell(page) -> None:
    """Print what a page shows, for whoever reads why a test failed."""
    words = page.locator("body").inner_text(timeout=10_000).split("\n")
    print(f"\n{page.url}\n{' | '.join(filter(None, words))[:10_000]}")


@pytest.fixture
def new_page(browser, request):
    """Open a page in its own browser profile; a script error on it fails the test.

    It is there when the button of the given name is; the Lab's by default, for which the server's
    address alone is enough.
    """
    contexts, errors = [], []

    def open_page(url: str, button="Start", **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 720}} | options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        is_bare = button == "Start" and not urlsplit(url).path and not urlsplit(url).query
        page.goto(f"{url}/lab" if is_bare else url)
        page.get_by_role("button", name=button, exact=isinstance(button, str)).wait_for()
        return page

    yield open_page
    for context in contexts:
        if request.node.stash.get(HAS_FAILED, False):
            for page in context.pages:
                tell(page)
        context.close()
    assert not errors
