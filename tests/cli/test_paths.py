"""Paths that a shell leaves as they are, screens of few letters, users without a home."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bikd_core.cli import main
from bikd_core.store import list_runs
from bikd_core.store.archive import export_run
from tests.made_up import make_run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The user's home folder, and another folder to work in."""
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BIKD_HOME", str(tmp_path / "bikd"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


@pytest.mark.parametrize("given", [["--runs-dir=~/x"], ["--runs-dir", "~/x"]])
def test_a_tilde_is_the_home_folder_wherever_it_stands(home, given, capsys):
    run = make_run(home / "x")
    assert main(["export", run.run_id, *given, "--output=~/a.zip"]) == 0
    assert (home / "a.zip").is_file()
    assert main(["replay", "~/a.zip", "--runs-dir=~/y"]) == 0
    assert len(list_runs(home / "y")) == 1
    assert list(Path.cwd().iterdir()) == []


def test_a_tilde_of_nobody_is_refused(home, capsys):
    assert main(["export", "x", "--runs-dir=~nobody-here/x"]) == 2
    assert "'~nobody-here/x' is in no user's home folder" in capsys.readouterr().err
    assert list(Path.cwd().iterdir()) == []


def test_every_path_option_takes_a_tilde():
    """Each `Path` of the command line has the converter."""
    import re

    for file in sorted((ROOT / "bikd_core" / "cli").glob("*.py")):
        text = file.read_text(encoding="utf-8")
        options = re.findall(r"\bPath(?: \| None)?,\s*Parameter\(\s*(\w+)", text)
        assert set(options) <= {"converter"}, file.name


@pytest.mark.parametrize("encoding", ["cp1251", "ascii"])
def test_a_screen_without_our_letters_gets_others(home, encoding):
    run = make_run(home / "x")
    run.rename("Größe ± 漢字")
    export_run(run, home / "a.zip")
    done = subprocess.run(
        [sys.executable, "-m", "bikd_core.cli", "replay", str(home / "a.zip")],
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert rb"\u6f22" in done.stdout
