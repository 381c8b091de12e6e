import os

import pytest

from app.components.live_plot import provide_plotly


def test_plotlys_script_is_copied_once(tmp_path):
    provide_plotly(tmp_path)
    (script,) = tmp_path.iterdir()
    assert script.name == "plotly.min.js"
    written = script.stat().st_mtime_ns
    provide_plotly(tmp_path)
    assert script.stat().st_mtime_ns == written


def test_the_script_of_another_version_is_replaced(tmp_path):
    (tmp_path / "plotly.min.js").write_text("old")
    provide_plotly(tmp_path)
    assert (tmp_path / "plotly.min.js").stat().st_size > 1_000_000


def test_a_folder_that_cannot_be_written_keeps_the_script_it_came_with(tmp_path, monkeypatch):
    (tmp_path / "plotly.min.js").write_text("the wheel's")
    monkeypatch.setattr(os, "access", lambda *_: False)
    provide_plotly(tmp_path)
    assert (tmp_path / "plotly.min.js").read_text() == "the wheel's"


def test_a_folder_that_cannot_be_written_and_has_no_script_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match=r"plotly\.js has to be copied there once"):
        provide_plotly(tmp_path)
