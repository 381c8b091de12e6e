"""Fixtures that several folders of tests share."""

import gc
import importlib.util
import os

import pytest

from bikd_core.bench.browser import chromium, chromium_path
from tests.patience import PATIENCE_MS

# The tests' networks are small: threads that wait for each other would cost more than they save.
os.environ.setdefault("OMP_NUM_THREADS", "1")


# Imports and collected tests stay to the end: to search them for garbage again and again is a
# tenth of the quick tests' time.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(10_000)
    gc.enable()


def devices() -> list[str]:
    if importlib.util.find_spec("torch") is None:
        return ["cpu"]
    import torch

    from bikd_core.training.compute import compute_float32_exactly

    compute_float32_exactly()
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", devices())


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests: playwright's sync API cannot be started twice."""
    pytest.importorskip("playwright", reason="no playwright: no page was tested in a browser")
    if chromium_path() is None:
        pytest.skip("no chromium on this machine: no page was tested in a browser")
    with chromium() as launched:
        launched.on("context", lambda context: context.set_default_timeout(PATIENCE_MS))
        yield launched
