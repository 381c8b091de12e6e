"""The pages without a browser, over a manager that trains nothing."""

from pathlib import Path

import pytest
from streamlit import config
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from app.shared import access, engine
from tests.app.fake_manager import FakeManager

MAIN = Path(__file__).parents[2] / "app" / "main.py"


@pytest.fixture(autouse=True, scope="session")
def only_our_components():
    """Let `AppTest` search no installed package for components, three quarters of a page's time."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(manifest_scanner, "scan_component_manifests", lambda *_: [])
        yield


@pytest.fixture(autouse=True, scope="session")
def no_usage_statistics():
    """Let Streamlit measure none of its calls, as `.streamlit/config.toml` says."""
    config.set_option("browser.gatherUsageStats", False)


@pytest.fixture
def manager(tmp_path, monkeypatch):
    fake = FakeManager(tmp_path)
    monkeypatch.setattr(engine, "manager", lambda: fake)
    monkeypatch.setattr(access, "is_on_this_machine", lambda: True)  # a test has no address
    return fake


@pytest.fixture
def open_lab(manager):
    """Opens the Lab by its query parameters."""

    def opened(**parameters: str) -> AppTest:
        lab = AppTest.from_file(str(MAIN), default_timeout=60)
        for name, value in parameters.items():
            lab.query_params[name] = value
        return lab.run()

    return opened


@pytest.fixture
def open_page(manager):
    """Opens another page than the Lab by its path and query parameters."""

    def opened(path: str, **parameters: str) -> AppTest:
        page = AppTest.from_file(str(MAIN), default_timeout=60)
        page._page_hash = calc_hash(path)  # 1.67: `switch_page` knows no pages made of functions
        for name, value in parameters.items():
            page.query_params[name] = value
        return page.run()

    return opened
