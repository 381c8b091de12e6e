"""Recorded runs, uploads, and what can be done with an opened run, on the page."""

import io
import json

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from app.lab import this_run, views
from app.lab.this_run import student_card
from app.shared import engine, status
from bikd_core.config import RunConfig
from bikd_core.places import ASSETS, ROOT, Places
from bikd_core.runs import RunManager
from bikd_core.store import RunFolder
from bikd_core.store.archive import read_record
from tests.app.conftest import MAIN
from tests.made_up import make_run
from tests.patience import PATIENCE_S
from tests.repeated import first_quick

RECORDED = sorted((ASSETS / "runs").glob("*.zip"))


@pytest.fixture
def app(tmp_path, monkeypatch):
    manager = RunManager(Places.at(tmp_path), in_process=True)
    monkeypatch.setattr(engine, "manager", lambda: manager)
    lab = AppTest.from_file(str(MAIN), default_timeout=PATIENCE_S)
    lab._page_hash = calc_hash("lab")
    yield lab
    manager.shutdown()


def test_recorded_runs_are_small_and_finished():
    assert 3 <= len(RECORDED) <= 5
    assert sum(path.stat().st_size for path in RECORDED) < 3_000_000
    assert all(read_record(path).resolved for path in RECORDED)


@pytest.mark.parametrize("path", first_quick(RECORDED), ids=lambda path: path.stem)
def test_a_recorded_run_opens_with_a_click(app, path):
    app.run()
    app.button(key=f"welcome recorded {path.stem}").click().run()
    assert not app.exception
    assert not app.warning
    assert app.session_state["session"].run == read_record(path).id
    assert "finished" in " ".join(markdown.value for markdown in app.markdown)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "tests/recorded").glob("*.zip")), ids=str)
def test_a_run_of_an_earlier_version_is_drawn_in_every_view(app, path):
    app.run()
    app.file_uploader(key="welcome upload").upload(
        "x.zip", path.read_bytes(), "application/zip"
    ).run()
    for view in views.VIEWS:
        app.session_state["session"].view = view.name
        app.run()
        assert not app.exception
        assert not app.warning


def test_an_upload_that_is_no_run_is_one_sentence(app):
    app.run()
    app.file_uploader(key="welcome upload").upload("x.zip", b"no zip", "application/zip").run()
    assert not app.exception
    assert "not the zip of a run" in app.warning[0].value


@pytest.mark.slow
def test_an_upload_of_a_run_opens_it_once(app):
    app.run()
    upload = app.file_uploader(key="welcome upload")
    upload.upload("x.zip", RECORDED[1].read_bytes(), "application/zip").run()
    assert not app.exception
    assert not app.warning
    assert app.session_state["session"].run == read_record(RECORDED[1]).id
    assert [run.is_imported for run in engine.manager().list()] == [True]


@pytest.mark.slow
def test_an_opened_run_is_renamed_exported_and_deleted(app, tmp_path):
    app.run()
    app.button(key=f"welcome recorded {RECORDED[0].stem}").click().run()
    run_id = app.session_state["session"].run
    app.text_input(key=f"name {run_id}").input("For class 7b").run()
    assert app.text_input(key=f"name {run_id}").value == "For class 7b"
    folder = RunFolder(engine.manager().places.runs / run_id)
    assert folder.record().name == "For class 7b"
    content = this_run._zip(engine.manager().snapshot(run_id))
    assert io.BytesIO(content).read(2) == b"PK"

    assert app.button(key="delete").disabled
    app.checkbox(key=f"sure {run_id}").check().run()
    app.button(key="delete").click().run()
    assert not app.exception
    assert not folder.path.exists()
    assert app.session_state["session"].run == ""


def test_this_run_tells_in_full_how_it_was_computed(open_lab, manager):
    run = make_run(manager.places.runs)
    lab = open_lab(run=run.run_id)
    whole = status.summary(manager.snapshot(run.run_id))
    assert [caption.value for caption in lab.caption].count(whole) == 2  # headline, This run


def test_the_students_card_says_what_it_was_trained_on_and_how_good_it_is(manager):
    snapshot = manager.snapshot(make_run(manager.places.runs, done=3).run_id)
    card = json.loads(json.dumps(student_card(snapshot)))
    last = snapshot.epochs[-1]
    assert card["run"] == snapshot.run_id
    assert RunConfig.from_flat(card["controls"]) == snapshot.config
    assert sum(card["training_images_per_class"]) == 293
    assert card["test_accuracy"]["few"] == last.accuracy_few
    assert len(card["test_accuracy"]["per_class"]) == len(card["classes"]) == 10
