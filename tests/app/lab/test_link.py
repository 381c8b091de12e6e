"""The Lab's address."""

import pytest

from app.lab import page
from app.lab.link import LabLink, link_to_run
from tests.made_up import make_run
from tests.repeated import first_quick


def test_what_is_written_is_read_again():
    link = LabLink(run="a", second_run="b", epoch=3, picture=0)
    assert link.write() == {"run": "a", "with": "b", "epoch": "3", "picture": "0"}
    assert LabLink.read(link.write()) == (link, [])


@pytest.mark.parametrize(("epoch", "expected"), [("1", 1), ("60", 60)])
def test_an_epoch_of_the_run_is_read(epoch, expected):
    link, complaints = link_to_run(60).read({"epoch": epoch})
    assert (link.epoch, complaints) == (expected, [])


@pytest.mark.parametrize("epoch", ["0", "61", "-1", "", "1.5", "last", "1" * 400])
def test_another_epoch_is_refused_with_those_that_the_run_has(epoch):
    link, [complaint] = link_to_run(60).read({"epoch": epoch})
    assert link.epoch is None
    assert "from 1 to 60. The newest epoch is shown." in complaint


def test_an_epoch_needs_a_run(open_lab):
    [warning] = open_lab(epoch="3").warning
    assert warning.value == "epoch = 3 needs a run to belong to: open one first."


@pytest.mark.parametrize("picture", first_quick(["-1", "", "1e3", "0.5", "first", "9" * 20]))
def test_a_picture_that_is_no_index_is_named_and_none_is_shown(open_lab, manager, picture):
    run = make_run(manager.places.runs)
    lab = open_lab(run=run.run_id, picture=picture, view="Pictures")
    [warning] = lab.warning
    assert "original index. No picture is shown." in warning.value
    assert "picture" not in lab.query_params


def test_several_bad_parameters_are_a_sentence_each(open_lab, manager):
    run = make_run(manager.places.runs, done=3)
    lab = open_lab(run=run.run_id, epoch="9", picture="x", seed="y", axes="z", view="Surface")
    assert {warning.value.split(" ")[0] for warning in lab.warning} == {
        "epoch",
        "picture",
        "seed",
        "axes",
    }
    assert lab.query_params == {"run": run.run_id, "view": "Surface"}


def test_a_link_to_a_run_with_an_unknown_parameter_still_shows_the_runs_controls(open_lab, manager):
    run = make_run(manager.places.runs, seed=9)
    lab = open_lab(run=run.run_id, colour="red")
    assert "colour" in lab.warning[0].value
    assert lab.number_input(key="control_seed").value == 9


def test_controls_in_a_link_go_before_those_of_its_run(open_lab, manager):
    run = make_run(manager.places.runs, seed=9)
    lab = open_lab(run=run.run_id, seed="4")
    assert lab.number_input(key="control_seed").value == 4


@pytest.fixture
def order(monkeypatch):
    """What the Lab does, in order."""
    done = []

    def noted(name, word):
        function = getattr(page, name)

        def wrapped(*arguments, **options):
            done.append(word)
            return function(*arguments, **options)

        monkeypatch.setattr(page, name, wrapped)

    for name, word in (("_open", "run"), ("_wait_for_figures", "wait"), ("side_bar", "controls")):
        noted(name, word)
    return done


def test_who_comes_by_a_link_gets_the_run_first_then_the_controls(open_lab, manager, order):
    lab = open_lab(run=make_run(manager.places.runs).run_id)
    assert order == ["run", "wait", "controls"]
    order.clear()
    lab.number_input(key="control_seed").set_value(5).run()
    assert order == ["run", "controls"]


def test_without_a_run_the_controls_come_at_once(open_lab, order):
    open_lab()
    assert order == ["controls"]
