"""Fixtures that several folders of tests share."""

import importlib.util
import os

import pytest

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
