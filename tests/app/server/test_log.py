"""The log file of a server: what it holds, and that it does not grow without end."""

import logging

import pytest

from app.server import log


@pytest.fixture
def path(tmp_path, monkeypatch):
    """The file that is logged to, until the test ends."""
    file = tmp_path / "logs" / "server.log"
    monkeypatch.setattr(log, "log_path", lambda: file)
    monkeypatch.setattr(log, "MAX_BYTES", 2000)
    before = {name: list(logging.getLogger(name).handlers) for name in ("", "uvicorn.error")}
    log.log_to_file()
    yield file
    for name, handlers in before.items():
        logging.getLogger(name).handlers[:] = handlers


def test_it_holds_our_lines_and_the_warnings_of_libraries(path):
    logging.getLogger("app.lab").info("ours")
    logging.getLogger("bikd_core.runs").warning("ours too")
    logging.getLogger("PIL").info("a detail of a library")
    logging.getLogger("PIL").warning("a warning of a library")
    said = path.read_text()
    for part in ("The server starts", "INFO app.lab: ours", "ours too", "a warning of a library"):
        assert part in said
    assert "a detail" not in said


def test_it_is_cut_off_before_it_grows(path):
    for number in range(500):
        logging.getLogger("app").info("line %s", number)
    files = sorted(path.parent.iterdir())
    assert len(files) == 1 + log.OLDER_FILES
    assert max(file.stat().st_size for file in files) <= 2000
    assert "line 499" in path.read_text()


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path, monkeypatch, caplog):
    (tmp_path / "logs").write_text("a file")
    monkeypatch.setattr(log, "log_path", lambda: tmp_path / "logs" / "server.log")
    log.log_to_file()
    assert "There is no log file" in caplog.text
