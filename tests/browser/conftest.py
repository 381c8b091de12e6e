"""A real server with its own empty home, and a real browser."""

from pathlib import Path

import pytest

from bikd_core.bench.browser import served_app


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


@pytest.fixture
def new_page(browser):
    """Open a page in its own browser profile; a script error on it fails the test.

    It is there when the button of the given name is: the Lab's by default.
    """
    contexts, errors = [], []

    def open_page(url: str, button="Start", **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 720}} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        page.get_by_role("button", name=button, exact=isinstance(button, str)).wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors
