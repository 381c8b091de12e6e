"""The way between the pages, without a browser."""

from urllib.parse import parse_qsl

import pytest
from streamlit.util import calc_hash

from app import navigation
from app.navigation import PAGES
from app.server import files
from bikd_core.config import fields
from tests.app.shown import words
from tests.made_up import make_run
from tests.repeated import first_quick


def links_of(page) -> dict[str, dict[str, str]]:
    """The query parameters of the links to the pages, by title."""
    found = page.get("page_link")
    return {element.proto.label: dict(parse_qsl(element.proto.query_string)) for element in found}


def go(page, path, parameters):
    """What a click on a link does: another address, the same session."""
    page._page_hash = calc_hash(path)
    page.query_params.clear()
    for name, value in parameters.items():
        page.query_params[name] = value
    return page.run()


def test_a_link_carries_what_its_page_is_going_to_write(open_lab, manager):
    run = make_run(manager.places.runs, seed=3)
    lab = open_lab(run=run.run_id)
    controls = {"epochs": "3", "seed": "3"}
    assert links_of(lab) == {
        "Home": {},
        "Learn": {},
        "Lab": controls | {"run": run.run_id},
        "Compare": {"methods": "ce,kd,balanced_softmax,bikd", "seeds": "0-2", "epochs": "3"},
        "Studies": {"study": "falsification"},
        "Teachers": controls,
    }


class Interrupted(Exception):
    """Stands for the next input, which ends a script wherever it is."""


def test_a_link_that_was_being_taken_when_the_next_input_came_is_taken_again(
    open_lab, manager, monkeypatch
):
    run = make_run(manager.places.runs, seed=3)
    takes = iter([Interrupted()])

    def take_link(parameters):
        if error := next(takes, None):
            raise error
        PAGES["lab"].take_link(parameters)

    pages = PAGES | {"lab": PAGES["lab"]._replace(take_link=take_link)}
    monkeypatch.setattr(navigation, "PAGES", pages)
    lab = open_lab(run=run.run_id, view="Accuracy")
    assert lab.exception
    lab.run()
    assert not lab.exception
    assert run.run_id in words(lab)
    assert lab.query_params["view"] == "Accuracy"


@pytest.mark.slow
def test_run_and_controls_outlast_a_look_at_another_page(open_lab, manager):
    run = make_run(manager.places.runs, seed=3, method="kd")
    lab = open_lab(run=run.run_id)
    lab.number_input(key="control_epochs").set_value(12).run()
    compare = go(lab, "compare", links_of(lab)["Compare"])
    assert not compare.exception
    assert compare.number_input(key="control_epochs").value == 12
    lab = go(compare, "lab", links_of(compare)["Lab"])
    assert not lab.exception
    assert lab.query_params["run"] == run.run_id
    assert lab.selectbox(key="control_method").value == "kd"
    assert lab.number_input(key="control_seed").value == 3


def test_the_question_outlasts_a_look_at_the_lab(open_page):
    compare = open_page("compare", methods="ce,kd", seeds="0-4")
    lab = go(compare, "lab", links_of(compare)["Lab"])
    assert not lab.exception
    assert "Press Start" in words(lab)
    assert links_of(lab)["Compare"] == {"methods": "ce,kd", "seeds": "0-4"}


def test_a_session_that_begins_on_another_page_shows_the_lab_s_defaults(open_page, manager):
    run = make_run(manager.places.runs)
    lab = go(open_page("teachers", seed="5"), "lab", {"seed": "5", "run": run.run_id})
    assert not lab.exception
    assert not lab.warning
    assert lab.query_params["run"] == run.run_id
    assert lab.number_input(key="control_seed").value == 5


@pytest.mark.parametrize(
    ("path", "parameters"),
    first_quick(
        [
            ("compare", {"run": "x", "epoch": "y", "view": "z", "shown": "s", "phase": "0"}),
            ("teachers", {"run": "x", "with": "y", "seeds": "z", "counts": "c", "key": "k"}),
        ]
    ),
)
def test_parameters_of_another_page_are_no_mistakes(open_page, path, parameters):
    page = open_page(path, **parameters)
    assert not page.exception
    assert not [warning for warning in page.warning if "shown" not in warning.value]
    assert not set(parameters) & set(page.query_params)


def test_no_parameter_of_a_page_has_the_name_of_a_control():
    assert not frozenset[str]().union(*(page.parameters for page in PAGES.values())) & set(fields())


def test_the_server_knows_the_addresses_of_all_pages():
    assert set(files.PAGES) == set(PAGES)
