"""The toy's page without a browser, over a server that trains nothing."""

import pytest

from app.toy import digit, show
from bikd_core.toy.pipe import Refused, opening_frame
from tests.app.shown import components


class FakeServer:
    """One that answers with a frame of a given phase, or refuses."""

    def __init__(self):
        self.phase, self.reason, self.sentence, self.tasks = "student", "", "", []

    def look(self, toy_id, task, wait_s):
        self.tasks.append(task)
        if self.reason:
            return Refused(toy=toy_id, reason=self.reason)
        return opening_frame(toy_id, task).model_copy(update={"phase": self.phase, "epoch": 7})

    def ask(self, question, wait_s):
        return None

    def problem(self):
        return self.sentence


@pytest.fixture
def toys(monkeypatch):
    fake = FakeServer()
    for module in (show, digit):
        monkeypatch.setattr(module, "server", lambda: fake)
    return fake


def shown(page):
    assert not page.exception
    return next(c for c in components(page) if "frame" in c)


def test_the_page_shows_a_toy_that_trains_without_a_click(open_page, toys):
    toy = shown(open_page("toy"))
    assert (toy["state"], toy["method"], toy["notes"]) == ("epoch 7", "bikd", [])
    assert [line["num_train"] for line in toy["classes"]] == [120, 26, 6]
    assert not toys.tasks[0].is_paused


def test_two_visitors_have_toys_of_their_own(open_page, toys):
    first, second = (shown(open_page("toy"))["frame"]["toy"] for _ in range(2))
    assert first != second


def test_a_full_server_and_a_child_that_died_are_one_sentence_each(open_page, toys):
    toys.reason = "32 visitors train toys on this server, as many as it can."
    toys.sentence = "The toys begin again. The training process was killed."
    toy = shown(open_page("toy"))
    assert toy["state"] == "starting …"
    assert toy["notes"] == [toys.reason, toys.sentence]


def test_nothing_is_polled_while_it_rests_or_is_paused_or_hidden():
    state = show._State(show.Preset(), show.Plane())
    for phase in ("starting", "teacher", "student"):
        state.phase = phase
        assert state.is_moving
    for phase in ("resting", "paused", "empty"):
        state.phase = phase
        assert not state.is_moving
    state.phase, state.is_hidden = "student", True
    assert not state.is_moving
