"""A link or a run that names somebody's code for a network is shown; nothing is imported."""

import sys

import pytest

from tests.app.shown import words


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A module that Python would find, and that writes a file when it is imported."""
    (tmp_path / "trap_in_a_link.py").write_text(
        f"from pathlib import Path\nPath({str(tmp_path / 'imported')!r}).touch()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "imported"
    assert "trap_in_a_link" not in sys.modules


def test_a_link_that_names_code_says_why_it_is_refused(open_lab, trap):
    lab = open_lab(student="trap_in_a_link:net", method="kd")
    assert not lab.exception
    assert "code is imported only if it is typed on the command line" in words(lab)
    assert lab.selectbox(key="control_student").value == "digits_cnn_s"
    assert not trap.exists()


def test_a_link_may_name_a_network_of_a_library(open_lab):
    lab = open_lab(student="torchvision:resnet18", dataset="cifar10", method="kd")
    assert not lab.exception
    assert lab.selectbox(key="control_student").value == "torchvision:resnet18"
    assert "torchvision:resnet18" in lab.selectbox(key="control_student").options
