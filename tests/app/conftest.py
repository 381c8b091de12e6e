"""The pages without a browser, over a manager that trains nothing."""

import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from streamlit import config
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.state import SafeSessionState
from streamlit.testing.v1 import AppTest, element_tree, local_script_runner
from streamlit.testing.v1.local_script_runner import LocalScriptRunner
from streamlit.util import calc_hash

from app.lab import page as lab_page
from app.shared import access, engine
from tests.app.fake_manager import FakeManager
from tests.patience import PATIENCE_S

MAIN = Path(__file__).parents[2] / "app" / "main.py"


@pytest.fixture(autouse=True, scope="session")
def only_our_components():
    """Let `AppTest` search no installed package for components, three quarters of a page's time."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(manifest_scanner, "scan_component_manifests", lambda *_: [])
        yield


@pytest.fixture(autouse=True, scope="session")
def loggers_that_propagate():
    """Let Streamlit's loggers pass on to the root, or pytest adds a handler to each of seventy."""
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("streamlit") and isinstance(logger, logging.Logger):
            logger.propagate = True


class _StateByKey(Mapping[str, Any]):
    """A session's state as a widget looks into it: by its own key."""

    def __init__(self, state: SafeSessionState) -> None:
        self._state = state

    def __getitem__(self, key: str) -> Any:
        return self._state[key]

    def __contains__(self, key: object) -> bool:
        return key in self._state

    def __iter__(self) -> Iterator[str]:
        return iter(self._state._state.filtered_state)

    def __len__(self) -> int:
        return len(self._state._state.filtered_state)


@pytest.fixture(autouse=True, scope="session")
def no_copies_of_the_state():
    """Let no widget copy the whole state to look up one key, a sixth of a page's time."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(SafeSessionState, "filtered_state", property(_StateByKey))
        yield


@pytest.fixture(autouse=True, scope="session")
def no_polling():
    """Let `AppTest` wait for the page's thread instead of asking every millisecond."""
    look = local_script_runner.require_widgets_deltas

    def wait(runner: LocalScriptRunner, timeout: float = 3) -> None:
        runner._script_thread.join(timeout)
        look(runner, timeout)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(local_script_runner, "require_widgets_deltas", wait)
        yield


_ESCAPED = re.compile(r"\\([\\`*_{}\[\]<>()#+\-.!|$:~&])")


@pytest.fixture(autouse=True, scope="session")
def texts_as_they_are_read():
    """Let elements give their text without the backslashes of Markdown; `proto.body` has those."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for kind in (element_tree.AlertBase, element_tree.Markdown):
            read = property(lambda element: _ESCAPED.sub(r"\1", element.proto.body))
            monkeypatch.setattr(kind, "value", read)
        yield


@pytest.fixture(autouse=True, scope="session")
def no_usage_statistics():
    """Let Streamlit measure none of its calls, as `.streamlit/config.toml` says."""
    config.set_option("browser.gatherUsageStats", False)


@pytest.fixture(autouse=True, scope="session")
def no_head_start():
    """Let no figure wait for a browser."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(lab_page, "HEAD_START_S", 0)
        yield


@pytest.fixture
def manager(tmp_path, monkeypatch):
    fake = FakeManager(tmp_path)
    monkeypatch.setattr(engine, "manager", lambda: fake)
    monkeypatch.setattr(access, "is_owner", lambda: True)  # a test has no cookies
    return fake


@pytest.fixture
def as_stranger(manager, monkeypatch):
    """Take the owner's key away from the browser."""
    monkeypatch.setattr(access, "is_owner", lambda: False)


@pytest.fixture
def open_lab(manager):
    """Opens the Lab by its query parameters."""

    def opened(**parameters: str) -> AppTest:
        lab = AppTest.from_file(str(MAIN), default_timeout=PATIENCE_S)
        lab._page_hash = calc_hash("lab")
        for name, value in parameters.items():
            lab.query_params[name] = value
        return lab.run()

    return opened


@pytest.fixture
def open_page(manager):
    """Opens another page than the Lab by its path and query parameters."""

    def opened(path: str, **parameters: str) -> AppTest:
        page = AppTest.from_file(str(MAIN), default_timeout=PATIENCE_S)
        page._page_hash = calc_hash(path)  # 1.67: `switch_page` knows no pages made of functions
        for name, value in parameters.items():
            page.query_params[name] = value
        return page.run()

    return opened
