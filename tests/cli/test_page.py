"""`bikd app` until Streamlit takes over; `tests/test_wheel.py` opens the page."""

import os
import runpy
import sys
import tomllib
from pathlib import Path

import pytest

from bikd_core.cli import main
from bikd_core.places import ASSETS, ROOT, Places


@pytest.fixture
def streamlit(monkeypatch):
    """The command lines that Streamlit was started with."""
    seen = []
    for variable in ("BIKD_RUNS", "BIKD_DATA"):
        monkeypatch.setenv(variable, "")  # so that what the command sets does not outlive the test
    monkeypatch.setattr(sys, "argv", ["bikd"])
    monkeypatch.setattr(runpy, "run_module", lambda name, **_: seen.append([name, *sys.argv[1:]]))
    return seen


def test_app_and_assets_lie_beside_each_other():
    assert (ROOT / "app" / "main.py").is_file()
    assert (ROOT / "app" / ".streamlit" / "config.toml").is_file()
    assert ASSETS.parent == ROOT


def test_the_page_is_opened_by_streamlits_own_command_line(streamlit):
    assert main(["app"]) == 0
    assert streamlit == [["streamlit", "run", str(ROOT / "app" / "main.py")]]


def test_port_address_and_headless_become_streamlits_options(streamlit):
    assert main(["app", "--port", "8600", "--address", "127.0.0.1", "--headless"]) == 0
    assert streamlit[0][3:] == [
        "--server.port=8600",
        "--server.address=127.0.0.1",
        "--server.headless=True",
    ]


def test_a_shared_page_listens_on_every_address(streamlit):
    assert main(["app", "--share"]) == 0
    assert streamlit[0][3:] == ["--server.address=0.0.0.0"]


def test_share_and_an_address_exclude_each_other(streamlit, capsys):
    assert main(["app", "--share", "--address", "192.168.1.7"]) == 2
    assert "--address 192.168.1.7" in capsys.readouterr().err
    assert not streamlit


def test_without_an_option_only_this_machine_can_open_the_page():
    settings = (ROOT / "app" / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    assert tomllib.loads(settings)["server"]["address"] == "localhost"


def test_folders_reach_the_page_by_its_environment(streamlit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["app", "--runs-dir", "runs here", "--data-dir", str(tmp_path / "sets")]) == 0
    places = Places.from_environment(os.environ)
    assert places.runs == Path.cwd() / "runs here"
    assert places.data == tmp_path / "sets"


@pytest.mark.parametrize("port", ["0", "65536", "x"])
def test_an_impossible_port_is_refused(streamlit, capsys, port):
    assert main(["app", "--port", port]) == 2
    assert "--port" in capsys.readouterr().err
    assert not streamlit
