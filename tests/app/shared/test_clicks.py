"""What a click asked for outlasts another drawing of the page."""

import pytest
from streamlit.util import calc_hash

from app.shared import long_start
from tests.app.shown import words
from tests.made_up import make_run


@pytest.fixture
def training(manager):
    """The id of a run that trains."""
    return make_run(manager.places.runs, epochs=9, done=2, state="running", seed=5).run_id


@pytest.fixture
def lab(open_lab, manager):
    """The Lab with a finished run."""
    return open_lab(run=make_run(manager.places.runs, seed=1).run_id)


def labelled(page, label: str):
    [found] = [button for button in page.button if button.label == label]
    return found


def asks(page) -> bool:
    return "training 2 of 9" in words(page)


def test_the_question_of_a_busy_server_stays_until_it_is_answered(training, lab, manager):
    lab.button(key="start").click().run()
    assert asks(lab)
    assert asks(lab.run())  # as when another run ends
    labelled(lab, "Queue behind it").click().run()
    assert [what for what, _ in manager.asked] == ["start"]
    assert not asks(lab.run())


def test_of_two_dialogs_that_are_asked_for_at_once_one_opens(training, lab):
    lab.button(key="runs").click()
    lab.button(key="start").click().run()
    assert not lab.exception
    assert not lab.run().exception
    dialogs = asks(lab), any("dialog open" in str(button.key) for button in lab.button)
    assert sum(dialogs) == 1


def test_a_question_that_is_cancelled_starts_nothing(training, lab, manager):
    lab.button(key="start").click().run()
    labelled(lab, "Cancel").click().run()
    assert not manager.asked
    assert not asks(lab.run())


def test_a_question_is_gone_on_another_page(training, lab):
    lab.button(key="start").click().run()
    assert asks(lab)
    lab._page_hash = calc_hash("teachers")
    lab.run()
    assert [button for button in lab.button if button.key == "train"]
    assert not asks(lab)
    lab._page_hash = calc_hash("lab")
    assert not asks(lab.run())


def test_the_question_of_a_long_run_stays_until_it_is_answered(lab, manager, monkeypatch):
    monkeypatch.setattr(long_start, "ASK_ABOVE_S", -1.0)
    monkeypatch.setattr("app.shared.busy_start.seconds_of", lambda config, speed: 100.0)
    lab.button(key="start").click().run()
    assert "It is estimated to train for" in words(lab.run())
    assert not manager.asked
    labelled(lab, "Start it").click().run()
    assert [what for what, _ in manager.asked] == ["start"]
    assert "It is estimated to train for" not in words(lab.run())


def test_the_list_of_earlier_runs_stays_until_a_run_is_opened(lab, manager):
    other = make_run(manager.places.runs, seed=2).run_id
    lab.button(key="runs").click().run()
    key = f"dialog open {other}"
    assert lab.run().button(key=key)
    lab.button(key=key).click().run()
    assert lab.query_params["run"] == other
    lab.run()
    assert not [button for button in lab.button if button.key == key]
