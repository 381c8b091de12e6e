"""The report of a problem: what it says, and what it leaves out."""

import getpass
import socket
from pathlib import Path

import pytest

from app.shared import problem_report
from app.shared.problem_report import report, without_paths
from tests.made_up import make_run

TRACEBACK = f'''Traceback (most recent call last):
  File "{Path.home()}/My work/app/shared/engine.py", line 12, in manager
PermissionError: [Errno 13] Permission denied: '{Path.home()}/thesis of Ada/runs'
C:\\Users\\Ada\\runs and /srv/ada/x cannot be written; http://lab.example.org:8501/?run=a
'''


def test_paths_addresses_and_names_are_replaced():
    ended = "The run of Ada L. stopped on ada-laptop, 192.168.1.7:59746."
    said = without_paths(TRACEBACK + ended, ["Ada L", "ada-laptop"])
    for part in (
        str(Path.home()),
        "My work",
        "thesis",
        "Users",
        "srv",
        "example.org",
        "Ada",
        "ada",
    ):
        assert part not in said
    assert "File <engine.py>, line 12, in manager" in said
    assert "PermissionError: [Errno 13] Permission denied" in said
    assert "stopped on (name), (address)." in said


def test_a_name_inside_a_word_stays():
    assert without_paths("a running run", ["run"]) == "a running (name)"
    assert without_paths("it is a run", ["a"]) == "it is a run"


@pytest.fixture
def logged(tmp_path, monkeypatch):
    path = tmp_path / "server.log"
    path.write_text("\n".join(f"line {number}" for number in range(1000)) + f"\n{TRACEBACK}")
    monkeypatch.setattr(problem_report, "log_path", lambda: path)
    return path


def test_it_holds_config_versions_state_and_the_last_lines(manager, logged):
    run = make_run(manager.places.runs, state="failed")
    run.rename("Ada's secret run")
    said = report({"dataset": "digits", "teacher": "adas-teacher"}, run.run_id, with_log=True)
    assert '"dataset": "digits"' in said
    assert '"state": "failed"' in said
    assert '"torch"' in said
    assert "line 999" in said
    assert "line 500" not in said
    for name in ("secret", "adas-teacher", str(manager.places.runs), socket.gethostname()):
        assert name not in said
    assert f"/{getpass.getuser()}" not in said


def test_without_a_log_and_for_a_run_that_is_gone_it_still_is_a_report(
    manager, tmp_path, monkeypatch
):
    monkeypatch.setattr(problem_report, "log_path", lambda: tmp_path / "none")
    said = report({}, "digits-bikd-50-s0-aaaaa", with_log=True)
    assert "There is no log file" in said
    assert "Run: " in said


@pytest.mark.parametrize("is_owner", [True, False])
def test_only_the_owner_gets_the_log(monkeypatch, is_owner):
    asked = {}
    monkeypatch.setattr(problem_report, "is_owner", lambda: is_owner)
    monkeypatch.setattr(problem_report, "report", lambda *_, **how: asked.update(how) or "")
    monkeypatch.setattr(problem_report.st, "download_button", lambda *_, data, **__: data())
    problem_report.report_button()
    assert asked == {"with_log": is_owner}


def test_each_page_offers_it(open_lab, open_page):
    for page in (open_lab(), open_page("teachers")):
        assert "Report a problem" in [button.proto.label for button in page.get("download_button")]
