"""The child's loop: one toy or question that fails does not end the others."""

import io
import threading

import pytest

from bikd_core.toy import pipe
from bikd_core.toy.plane import Plane
from bikd_core.toy.process import Child
from bikd_core.toy.turns import MAX_TOYS, Turns


class FailingToy:
    """One that trains until its turn, which fails."""

    trains = is_changed = True

    def turn(self):
        raise RuntimeError("no luck")

    def take(self, task):
        pass


class Silent(io.RawIOBase):
    """Commands that never come, so that the child never takes its server for gone."""

    def __next__(self):
        threading.Event().wait()


@pytest.fixture
def child():
    def answer(question):
        raise FileNotFoundError("no networks")

    return Child(Silent(), io.BytesIO(), Turns(lambda toy_id, task: FailingToy()), answer)


def replies(child):
    return [pipe.read_reply(line) for line in child._replies.getvalue().splitlines()]


def test_a_toy_that_fails_is_dropped_and_says_why(child):
    child._take(pipe.Look(toy="bad", task=Plane().task))
    child._train("bad")
    [reply] = replies(child)
    assert (reply.toy, "RuntimeError: no luck" in reply.reason) == ("bad", True)
    assert child._turns.toys == []


def test_a_question_that_cannot_be_answered_says_why(child):
    child._take(pipe.Question(toy="me", picture=1))
    assert "no networks" in replies(child)[0].reason


def test_one_visitor_too_many_is_refused(child):
    for number in range(MAX_TOYS + 1):
        child._take(pipe.Look(toy=f"toy{number}", task=Plane().task))
    [reply] = replies(child)
    assert reply.toy == f"toy{MAX_TOYS}"
    assert "as many as it can" in reply.reason
