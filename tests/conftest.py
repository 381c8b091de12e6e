"""Fixtures that several folders of tests share."""

import importlib.util
import os
import shutil

import pytest

from bikd_core.bench.browser import chromium

# The tests' networks are small: threads that wait for each other would cost more than they save.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def devices() -> list[str]:
    if importlib.util.find_spec("torch") is None:
        return ["cpu"]
    import torch

    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", devices())


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests: playwright's sync API cannot be started twice."""
    pytest.importorskip("playwright", reason="no playwright: no page was tested in a browser")
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("no chromium on this machine: no page was tested in a browser")
    with chromium() as launched:
        yield launched
