"""Work that a page waits for."""

import threading
from pathlib import Path

import pytest

from app.shared import long_work
from app.shared.long_work import result_of
from app.shared.session import Session


class Interrupted(BaseException):
    """Stands for the next input."""


@pytest.fixture
def session(monkeypatch):
    """A session that interrupts the script at a read if it is told to."""
    held = Session()
    reads = {"until": None, "count": 0}

    def read():
        reads["count"] += 1
        if reads["until"] is not None and reads["count"] > reads["until"]:
            raise Interrupted
        return held

    monkeypatch.setattr(long_work, "session", read)
    held.reads = reads
    return held


def test_an_input_ends_the_waiting_and_the_work_is_done_once(session):
    go_on, calls = threading.Event(), []

    def work():
        calls.append(1)
        assert go_on.wait(10)
        return "found"

    session.reads["until"] = 3
    with pytest.raises(Interrupted):
        result_of(("file", 32), work)
    session.reads["until"] = None
    go_on.set()
    assert result_of(("file", 32), work) == "found"
    assert calls == [1]
    assert result_of(("file", 32), lambda: "again") == "again"


def test_another_subject_is_other_work(session):
    never = threading.Event()
    session.reads["until"] = 2
    with pytest.raises(Interrupted):
        result_of(("file", 32), never.wait)
    session.reads["until"] = None
    assert result_of(("file", 64), lambda: "other") == "other"
    never.set()


def test_what_the_work_raises_is_raised_once(session):
    with pytest.raises(OSError, match="no"):
        result_of(("file",), Path("/no/such/file").read_text)
    assert result_of(("file",), lambda: 1) == 1
