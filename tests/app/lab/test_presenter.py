"""Presenter mode without a browser: what the address says, and which question is drawn."""

import pytest

from app.lab import presenter
from app.lab.link import LabLink
from app.shared import session as session_module
from app.shared.session import Session
from bikd_core.runs import Snapshot
from bikd_core.store import open_run
from tests.app.shown import components, drawings
from tests.made_up import make_run


@pytest.fixture
def run(manager):
    return make_run(manager.places.runs, done=3).run_id


@pytest.fixture
def now(monkeypatch):
    """A session without a page."""
    held = Session(presents=True)
    monkeypatch.setattr(session_module.st, "session_state", {session_module._KEY: held})
    return held


def figures(lab) -> list[str]:
    return [name for name in drawings(lab) if name.startswith("figure-")]


def place(lab) -> str:
    """What the presenter's bar says."""
    [words] = [data["place"] for data in components(lab) if "place" in data]
    return words


def test_one_question_is_drawn_and_the_address_keeps_it(open_lab, run):
    lab = open_lab(run=run, present="true", question="3")
    assert not lab.exception
    assert figures(lab) == ["figure-accuracy"]
    assert place(lab) == "Overview · 3 of 5"
    assert lab.query_params["present"] == "true"
    assert lab.query_params["question"] == "3"


def test_a_question_beyond_the_last_one_is_the_last_one(open_lab, run):
    lab = open_lab(run=run, present="true", question="99")
    assert place(lab) == "Overview · 5 of 5"
    assert figures(lab) == ["figure-class-accuracy"]


def test_two_runs_have_each_question_on_the_same_axes(open_lab, run, manager):
    second = make_run(manager.places.runs, method="kd", done=3).run_id
    lab = open_lab(**{"run": run, "with": second, "present": "true", "question": "2"})
    assert figures(lab) == ["figure-w-hard-A", "figure-w-hard-B"]
    lab = open_lab(**{"run": run, "with": second, "present": "true"})
    assert figures(lab) == ["figure-paired-accuracy"]


def test_without_a_run_nothing_is_presented(open_lab):
    lab = open_lab(present="true")
    assert not lab.exception
    assert "present" not in lab.query_params


@pytest.mark.parametrize("present", ["maybe", "", "2"])
def test_a_value_that_is_neither_true_nor_false_is_named(present):
    link, [complaint] = LabLink.read({"present": present})
    assert not link.present
    assert "must be true or false" in complaint


def test_next_and_previous_go_on_into_the_neighbouring_view_and_stop_at_the_ends(now, run, manager):
    runs: list[Snapshot] = [manager.snapshot(run)]
    walked = []
    for _ in range(7):
        presenter._take("next", runs)
        presenter.one_question(presenter.views.open_view(), runs)
        walked.append((now.view, now.question))
    assert walked[3:6] == [("", 5), ("Weights", 1), ("Weights", 2)]
    for _ in range(8):
        presenter._take("previous", runs)
    assert (now.view, now.question) == ("Overview", 1)


def test_p_turns_it_on_and_off_and_begins_with_the_first_question(now, run, manager):
    now.question = 4
    runs: list[Snapshot] = [manager.snapshot(run)]
    presenter._take("toggle", runs)
    assert (now.presents, now.question) == (False, 1)
    presenter._take("next", runs)
    assert now.question == 1
    presenter._take("toggle", runs)
    assert now.presents


def test_the_name_of_a_presented_run_stays(open_lab, run, manager):
    open_run(manager.places.runs, run).rename("mine")
    assert "mine" in " ".join(caption.value for caption in open_lab(run=run, present="1").caption)
