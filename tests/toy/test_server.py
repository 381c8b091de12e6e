"""The server's side of the toys, with a real child process."""

import os
import signal
import sys
import time

import pytest

from bikd_core.toy.pipe import Frame, Question
from bikd_core.toy.plane import Plane
from bikd_core.toy.server import COMMAND, MAX_DEATHS, ToyServer
from tests.patience import PATIENCE_S


@pytest.fixture
def make_server():
    made = []

    def make(command=COMMAND):
        made.append(ToyServer(command))
        return made[-1]

    yield make
    for server in made:
        server.close()


def look_until(server, toy_id, task, is_reached):
    """Look as a page does, until an answer is as wanted."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        answer = server.look(toy_id, task, 0.2)
        if is_reached(answer):
            return answer
        time.sleep(0.05)
    raise AssertionError(f"not reached in {PATIENCE_S} s: {answer}")


def has_trained(answer):
    return isinstance(answer, Frame) and answer.epoch >= 3


@pytest.mark.slow
def test_two_visitors_train_a_killed_child_begins_again_and_closing_ends_it(make_server):
    server, tasks = make_server(), {"one": Plane().task, "two": Plane("kd").task}
    opening = server.look("one", tasks["one"])
    assert (opening.phase, opening.num_train) == ("starting", 152)
    for name, task in tasks.items():
        look_until(server, name, task, has_trained)
    assert server.problem() == ""
    question = Question(toy="one", number=3, picture=12)
    answer = server.ask(question, PATIENCE_S)
    assert (answer.number, len(answer.student)) == (3, 10)
    assert server.ask(question, 0.0) == answer  # it is kept
    first = server.pid
    os.kill(first, signal.SIGKILL)
    look_until(server, "one", tasks["one"], lambda answer: server.pid not in (None, first))
    assert server.problem().startswith("The toys begin again. The training process was killed")
    look_until(server, "one", tasks["one"], has_trained)
    second = server.pid
    server.close()
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)
    server.look("one", tasks["one"])
    assert server.pid is None


@pytest.mark.slow
def test_a_child_ends_when_its_server_is_gone(make_server):
    server = make_server()
    server.start()
    assert server.pid is not None
    look_until(server, "one", Plane().task, lambda answer: answer.phase != "starting")
    child = server._child
    child.close_input()
    child._process.wait(PATIENCE_S)
    assert child._process.returncode == 0


def test_a_child_that_cannot_start_is_said_and_not_started_for_ever(make_server):
    server = make_server((sys.executable, "-c", "raise SystemExit('no torch here')"))
    deadline = time.monotonic() + PATIENCE_S
    while "cannot be trained on this server" not in server.problem():
        assert time.monotonic() < deadline
        assert server.look("one", Plane().task).phase == "starting"
        time.sleep(0.01)
    assert server._num_deaths == MAX_DEATHS
    assert "no torch here" in server.problem()
    assert server.pid is None


def test_a_child_that_writes_nonsense_is_ended(make_server):
    server = make_server(
        (sys.executable, "-c", "import sys; print('hello', flush=True); sys.stdin.read()")
    )
    deadline = time.monotonic() + PATIENCE_S
    while not server.problem():
        assert time.monotonic() < deadline
        server.look("one", Plane().task)
        time.sleep(0.01)
    assert "killed" in server.problem()
