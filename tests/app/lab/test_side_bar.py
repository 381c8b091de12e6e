"""The Lab's side bar without a browser, over a manager that trains nothing."""

import pytest

from bikd_core.config import RunConfig
from bikd_core.data.published_source import PublishedSource
from bikd_core.store import control_key
from tests.app.shown import words
from tests.made_up import make_run


def test_the_estimate_says_what_it_assumes(open_lab, manager):
    manager.seconds = 17.0
    lab = open_lab().run()  # the first script run only promises to estimate
    [estimate] = [each for each in lab.caption if "17 s" in each.value]
    assert estimate.value == "About 17 s on this machine, if nothing else runs."
    assert "the training of teachers that are not stored yet" in estimate.help


def started(manager):
    """The configs that the manager was asked to start."""
    return [what[1] for what in manager.asked if what[0] == "start"]


def test_the_controls_are_headed_next_run_and_differences_from_the_open_run_are_marked(
    open_lab, manager
):
    lab = open_lab()
    assert "Next run" in words(lab)
    assert "open run" not in words(lab)
    run = make_run(manager.places.runs, done=3)
    lab = open_lab(run=run.run_id)
    assert "The same controls as the run that is open." in words(lab)
    lab.number_input(key="control_seed").set_value(4).run()
    assert "Differs from the open run in: Seed." in words(lab)
    styles = [html.proto.body for html in lab.get("html")]
    assert any(".st-key-control_seed {" in style for style in styles)
    lab.selectbox(key="control_dataset").set_value("cifar10").run()
    assert " more." in words(lab)


def test_a_data_set_that_is_not_here_says_its_size_before_start(open_lab, monkeypatch):
    assert "not on this machine" not in words(open_lab())
    said = words(open_lab(dataset="cifar100"))
    assert "CIFAR-100 is not on this machine: Start downloads 169 MB first." in said
    monkeypatch.setattr(PublishedSource, "is_installed", lambda source, data_dir: True)
    assert "not on this machine" not in words(open_lab(dataset="cifar100"))


@pytest.fixture
def training(manager):
    """A run that trains."""
    return make_run(manager.places.runs, epochs=9, done=2, state="running", seed=5)


@pytest.fixture
def asked_to_start(open_lab, manager, training):
    """The Lab after a click on Start while something trains."""
    lab = open_lab()
    lab.button(key="start").click().run()
    assert not manager.asked
    return lab


def click(lab, label):
    [button] = [each for each in lab.button if each.label == label]
    button.click().run()
    assert not lab.exception


def test_start_asks_while_something_trains_and_queues_on_demand(asked_to_start, manager):
    assert "training 2 of 9" in words(asked_to_start)
    click(asked_to_start, "Queue behind it")
    assert started(manager) == [RunConfig()]


def test_start_can_stop_what_trains(asked_to_start, manager, training):
    click(asked_to_start, "Stop it and start")
    assert [what[0] for what in manager.asked] == ["stop", "start"]
    assert manager.asked[0][1] == training.run_id


def test_cancel_starts_nothing(asked_to_start, manager):
    click(asked_to_start, "Cancel")
    assert not manager.asked


def test_whoever_may_not_stop_what_trains_can_still_queue(open_lab, manager, as_stranger, training):
    control_key.make_key(training)
    lab = open_lab()
    lab.button(key="start").click().run()
    labels = [each.label for each in lab.button]
    assert "Queue behind it" in labels
    assert "Stop it and start" not in labels


def test_a_twin_of_a_run_that_trains_or_waits_is_never_queued_unasked(open_lab, manager, training):
    waits = make_run(manager.places.runs, epochs=9, done=0, state="queued", seed=6)
    lab = open_lab(epochs="9", seed="6")
    lab.button(key="start").click().run()
    assert not manager.asked
    assert "The same run exists" in words(lab)
    click(lab, "Open it")
    assert not manager.asked
    assert lab.session_state["session"].run == waits.run_id


def test_a_run_that_failed_at_once_offers_no_resume(open_lab, manager):
    failed = make_run(manager.places.runs, done=0, state="failed", reason="no data.")
    pause = open_lab(run=failed.run_id).button(key="pause")
    assert (pause.label, pause.disabled) == ("Pause", True)
    later = make_run(manager.places.runs, done=2, epochs=9, state="failed", reason="full disk.")
    pause = open_lab(run=later.run_id).button(key="pause")
    assert (pause.label, pause.disabled) == ("Resume", False)
